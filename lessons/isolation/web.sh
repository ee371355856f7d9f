. /lib/greet.sh
cache=0123456789abcdef
i=0
while [ $i -lt 20 ]; do cache=$cache$cache; i=$((i + 1)); done
greet web || exit
while read -r name work; do
    i=0
    while [ $i -lt "$work" ]; do i=$((i + 1)); done
    greet "$name"
done
