"""What keeps needrestart and unattended-upgrades off a service, read as these two read it."""

import subprocess
from collections.abc import Callable, Mapping

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._packages.updates import drop_ins

Parser = Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]]

# As at the end of needrestart.conf, and what needrestart then does with a unit: the first line that matches counts.
NEEDRESTART = """
our %nrconf = (override_rc => {qr(^dbus) => 0});
foreach my $fn (sort </etc/needrestart/conf.d/*.conf>) {
    eval do { local(@ARGV, $/) = $fn; <>};
    die "Error parsing $fn: $@" if($@);
}
foreach my $rc (@ARGV) {
    my $restart = 1;
    foreach my $re (keys %{$nrconf{override_rc}}) {
        next unless($rc =~ /$re/);
        $restart = $nrconf{override_rc}->{$re};
        last;
    }
    print "$rc\\n" if($restart);
}
"""


@pytest.mark.parametrize("units", [["mysql"], ["my-shop_2"], ["haproxy", "nginx.service"]])
def test_needrestart_restarts_everything_else(units: list[str], parser: Parser) -> None:
    """Catches a pattern that perl does not read, and one that holds back a service whose name only begins alike."""
    names = [unit if "." in unit else f"{unit}.service" for unit in units]
    others = ["ssh.service", "cron.service", *(name.replace(".service", "-exporter.service") for name in names)]
    done = parser(["perl", "-we", NEEDRESTART, "--", *names, *others], drop_ins(units, []))
    assert (done.returncode, done.stderr, done.stdout.split()) == (0, "", others)


def test_apt_adds_the_packages_to_those_of_other_files(parser: Parser) -> None:
    """Catches a file that apt passes over by its name, and one that takes the place of the distribution's list."""
    other = 'Unattended-Upgrade::Package-Blacklist {\n    "own-package";\n};\n'
    files = {"/etc/apt/apt.conf.d/50unattended-upgrades": other, **drop_ins(["mysql"], ["mysql-server", "haproxy$"])}
    done = parser(["apt-config", "dump", "--format=%f %v%n", "Unattended-Upgrade::Package-Blacklist"], files)
    assert (done.returncode, done.stderr) == (0, "")
    values = [line.partition(" ")[2] for line in done.stdout.splitlines()]
    assert [value for value in values if value] == ["own-package", "mysql-server", "haproxy$"]
