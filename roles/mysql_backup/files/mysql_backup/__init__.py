"""The program mysql-backup. `cli` has its commands, `plan` what it decides, the other modules what it does."""
