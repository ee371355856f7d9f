. /lib/greet.sh
greet_in de batch || exit
block=0123456789abcdef
i=0
while [ $i -lt 13 ]; do block=$block$block; i=$((i + 1)); done
spin() { while :; do :; done; }
leak() {
    n=0
    while :; do
        eval "leak$n=\$block"
        n=$((n + 1)) i=0
        while [ $i -lt 20 ]; do i=$((i + 1)); done
    done
}
for worker in 1 2 3 4 5 6 7 8; do $1 & done
wait
exit 1
