# Every cell, on a machine where systemd is process 1.
. /machine/machine.sh
. /payload/guest/cells.sh

loginctl enable-linger learner
# There is a bus before the service manager has handed its controllers on.
until systemctl --quiet is-active user@1000.service && [ -S /run/user/1000/bus ]; do sleep 0.2; done

# As somebody, logged in by PAM: `as WHO COMMAND...`
as() {
    who=$1
    shift
    case $who in
    root) env -i HOME=/root USER=root PATH="$PATH" LANG=C.UTF-8 "$@" ;;
    login) runuser -l learner -c "PATH=$PATH exec $(quoted "$@")" ;;
    delegated) runuser -l learner -c "PATH=$PATH exec systemd-run --user --scope --quiet -p Delegate=yes $(quoted "$@")" ;;
    esac
}
quoted() { for word; do printf "'%s' " "$word"; done; }

every_cell
systemctl poweroff --force --force
