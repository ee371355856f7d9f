# Hands over to systemd, with a unit that does every cell when the machine is up.
cat >/etc/systemd/system/cells.service <<'UNIT'
[Unit]
After=systemd-user-sessions.service dbus.service systemd-logind.service
Wants=systemd-logind.service
[Service]
Type=oneshot
ExecStart=/bin/sh /payload/guest/cells-under-systemd.sh
StandardOutput=journal+console
StandardError=journal+console
TimeoutStartSec=infinity
Delegate=yes
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -s ../cells.service /etc/systemd/system/multi-user.target.wants/cells.service
echo machine >/etc/hostname
exec /sbin/init
