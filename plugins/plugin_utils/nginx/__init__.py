"""The role nginx: its data, and what nginx.conf says of sites and upstreams."""
