# What a program returns is what the command returns.
code() { set +e; "$@" >/dev/null 2>&1; echo $?; set -e; }
test "$(code docker run --rm tiny true)" = 0
test "$(code docker run --rm tiny sh -c 'exit 9')" = 9
test "$(code docker run --rm tiny /no/such/program)" = 127
test "$(code docker run --rm tiny /etc)" = 126
test "$(code docker run --rm no-such-image true)" = 125
docker run --name box tiny sh -c 'exit 3' || test $? = 3
test "$(code docker rm no-such-container)" = 1
docker rm box >/dev/null
echo done
