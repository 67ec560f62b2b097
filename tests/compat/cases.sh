# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2005,SC2016,SC2034,SC2116
#
# cases.sh - programs and their work, for run.sh
#
# case_NAME runs in an empty directory of its own; all that it prints, and how
# it ends, must be the same whosever heap it is. needs_NAME: commands that must
# be there. LONG=yes: more of the same. What differs from run to run (times,
# pids, ports) is not printed. A line "broken" says that the work itself did not
# go as meant, which is a failure even where it fails both ways.

many() { if [ "${LONG:-}" = yes ]; then echo $(($1 * $2)); else echo "$1"; fi; }

# until_true COMMAND... - within 20 s
until_true()
{
	local i
	for ((i = 0; i < 400; i++)); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done
	echo "broken: never $*"
	return 1
}

case_bash()
{
	local i x n a=()
	n=$(many 20000 3)
	for i in 1 2 3; do (echo "$i"; (echo "in $i"; (echo deep)); exit "$i"); echo "was $?"; done
	for ((i = 0; i < n; i++)); do a+=("entry $i"); done
	x=$(printf '%s\n' "${a[@]}" | md5sum)
	echo "${#a[@]} $x $(echo "$(echo "$(echo inner)")")"
	while read -r x; do [ "$x" = 77 ] && echo "found $x"; done < <(seq 1000)
	cat <<<"$(for i in {1..50}; do echo "$i" & done; wait)" | sort -n | tail -n 1
	trap 'echo bye' EXIT
	exit 3
}

# Programs that end as soon as they began.
case_starts()
{
	local i n
	n=$(many 150 2)
	for ((i = 0; i < n; i++)); do ls /dev/null; done | sort | uniq -c
}

# Processes that end as soon as they were forked.
case_forks()
{
	local i n
	n=$(many 300 2)
	for ((i = 0; i < n; i++)); do (exit 0); done
	echo "$n forks"
}

case_coreutils()
{
	seq "$(many 300000 2)" | sort -R --random-source=/bin/bash | sort -n --parallel=2 | md5sum
	find /usr/include/linux -name '*.h' | sort | xargs cat | tr -s ' ' '\n' | sort | uniq -c |
		sort -rn -k1,1 -k2 | head -n 20 | md5sum
	awk 'BEGIN { for (i = 0; i < 200000; i++) a[i % 7919] = a[i % 7919] i; s = 0
		for (k in a) s += length(a[k]); print s }'
	seq 100000 | sed -n 's/\(.\)\(.*\)/\2\1/p' | md5sum
}

needs_tar_xz='tar xz gzip'
case_tar_xz()
{
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf i.tar -C /usr/include linux
	xz -T2 -k -"$(many 1 3)" i.tar && xz -dc i.tar.xz | cmp - i.tar && md5sum <i.tar.xz
	gzip -n9 <i.tar | md5sum
}

needs_python_json='python3'
case_python_json()
{
	python3 - "$(many 30000 4)" <<'PY'
import collections, decimal, json, re, sys, zlib
n = int(sys.argv[1])
d = {str(i): [i, str(i) * 3, {"x": i / 7, "u": "\u00e4\u20ac" * (i % 5)}] for i in range(n)}
s = json.dumps(d)
assert json.loads(s) == d
print(len(s), zlib.crc32(s.encode()), decimal.Decimal(2).sqrt())
print(collections.Counter(re.findall(r"\d", s)).most_common())
b = bytearray()
for i in range(n): b += b"%d" % i
print(len(b), sorted(set(map(len, d.values()))))
PY
}

# fork with and without threads, spawn by exec, shared memory, queues, subprocesses
needs_python_processes='python3'
case_python_processes()
{
	cat >work.py <<'PY'
import multiprocessing as m, os, subprocess, sys, threading
def work(n):
    d = {i: "x" * (i % 100) for i in range(n)}
    return sum(len(v) for v in d.values())
if __name__ == "__main__":
    times = int(sys.argv[1])
    for how in "fork", "spawn":
        with m.get_context(how).Pool(2) as p: print(how, p.map(work, range(0, 4000, 100)))
    c = m.get_context("fork")
    q = c.Queue()
    stop = threading.Event()
    def churn():
        while not stop.is_set(): work(500)
    threads = [threading.Thread(target=churn) for _ in range(3)]
    for t in threads: t.start()
    for i in range(times):
        p = c.Process(target=lambda: q.put(work(2000))); p.start(); got = q.get(); p.join()
        assert got == work(2000) and p.exitcode == 0, (got, p.exitcode)
    stop.set()
    for t in threads: t.join()
    pid = os.fork()
    if not pid: print("child", sorted(range(5)), flush=True); os._exit(4)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    print(subprocess.run(["sh", "-c", "echo out; exit 5"], capture_output=True).returncode)
    print(subprocess.run(["true"], preexec_fn=lambda: work(10)).returncode, os.system("exit 6") >> 8)
    print(os.popen("echo from popen").read())
PY
	python3 work.py "$(many 10 3)"
}

needs_perl='perl'
case_perl()
{
	perl -e 'use strict; $| = 1; my $n = shift; my %h; $h{$_} = $_ x 3 for 1 .. $n;
for my $i (1 .. 5) { my $pid = fork;
	if (!$pid) { delete $h{$_} for 1 .. $i * 1000; print scalar(keys %h), "\n"; exit $i }
	waitpid $pid, 0; print $? >> 8, "\n" }
my $s = join "", map { $h{$_} } sort { $a <=> $b } keys %h;
$s =~ s/(\d)(\d)/$2$1/g; print length($s), " ", unpack("%32C*", $s), "\n"' "$(many 50000 5)"
}

# big_c N - a C file of N functions
big_c()
{
	echo '#include <stdio.h>'
	for ((i = 0; i < $1; i++)); do
		printf 'static int f%d(int n, const int *p)\n{\n\tint s = %d;\n\tfor (int i = 0; i < n; i++)\n\t\tswitch (p[i] %% 5) {\n\t\tcase 0: s += p[i] * %d; break;\n\t\tcase 1: s ^= n; break;\n\t\tcase 2: s -= i; break;\n\t\tdefault: s = s * 3 + 1; }\n\treturn s;\n}\n' "$i" "$i" $((i * 7 + 1))
	done
	printf 'int main(void)\n{\n\tint p[64], s = 0;\n\tfor (int i = 0; i < 64; i++)\n\t\tp[i] = i * i;\n'
	for ((i = 0; i < $1; i++)); do printf '\ts += f%d(64, p);\n' "$i"; done
	printf '\tprintf("%%d\\n", s);\n\treturn s & 63;\n}\n'
}

needs_gcc='gcc g++'
case_gcc()
{
	big_c "$(many 150 6)" >big.c
	gcc -O2 -c -o big.o big.c && md5sum <big.o && gcc -o big big.o && ./big
	echo "status $?"
	printf '#include <regex>\n#include <map>\n#include <string>\nint main() { std::map<std::string, int> m; std::regex r("a+b"); return std::regex_match("aab", r) ? 0 : int(m.size()); }\n' >x.cpp
	[ "${LONG:-}" != yes ] || { g++ -O2 -c -o x.o x.cpp && md5sum <x.o; }
}

needs_clang='clang'
case_clang()
{
	big_c "$(many 80 6)" >big.c
	clang -O2 -c -o big.o big.c && md5sum <big.o
}

needs_make='make gcc'
case_make()
{
	for i in 1 2 3 4 5 6; do echo "int f$i(void) { return $i; }" >"f$i.c"; done
	printf 'all: $(patsubst %%.c,%%.o,$(wildcard f*.c))\n\tar rcD all.a $^\n' >Makefile
	make -s -j2 CC=gcc && ar p all.a | md5sum && ar t all.a | sort
}

needs_git='git'
case_git()
{
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
	export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z'
	local who=(-c user.name=n -c user.email=e)
	local i n
	n=$(many 30 3)
	git init -q -b main r && cd r || return
	for ((i = 0; i < n; i++)); do
		seq "$i" $((i * 50 + 2000)) >"file$((i % 7))"
		git add . && git "${who[@]}" commit -qm "number $i"
	done
	git "${who[@]}" -c pack.threads=2 gc -q --aggressive --prune=now
	git fsck --full 2>&1; git log --stat | md5sum; git rev-parse HEAD
	git clone -q . ../copy && git -C ../copy blame file1 | md5sum
	git -C ../copy grep -c 77 | sort
}

needs_sqlite3='sqlite3'
case_sqlite3()
{
	sqlite3 db "create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < $(many 50000 5))
insert into t select i, hex(i * 7919) || 'x', i / 3.0 from n;
create index ix on t(b); delete from t where a % 3 = 0; vacuum;
select count(*), sum(a), max(b), round(avg(c), 6) from t;
select substr(b, 1, 2) k, count(*) from t group by k order by 2 desc, 1 limit 10;
pragma integrity_check;" && md5sum <db
}

needs_jq='jq'
case_jq()
{
	seq "$(many 20000 3)" | jq -s -c 'map({id: ., name: ("n" + tostring), sub: [., . * 2]})' >a.json
	jq '[.[] | select(.id % 3 == 0) | .sub | add] | add, length' a.json
	jq -S . a.json | md5sum
}

needs_openssl='openssl'
case_openssl()
{
	head -c "$(many 8000000 8)" /dev/zero | openssl enc -aes-256-ctr -pbkdf2 -pass pass:a -nosalt | openssl dgst -sha256
	openssl speed -seconds 1 -bytes 4096 sha256 >/dev/null 2>&1 || echo "broken: speed $?"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=x 2>/dev/null
	openssl x509 -in c -noout -subject && openssl verify -CAfile c c
}

needs_node='node'
case_node()
{
	node -e 'const n = +process.argv[1], m = new Map();
for (let i = 0; i < n; i++) m.set("k" + i, { i, s: "x".repeat(i % 50) });
let t = 0; for (const v of m.values()) t += v.s.length; console.log(m.size, t);
const { Worker } = require("worker_threads");
const src = "const{parentPort:p}=require(\"worker_threads\");let a=[];for(let i=0;i<100000;i++)a.push({i});p.postMessage(a.length)";
let left = 2; for (let w = 0; w < 2; w++) new Worker(src, { eval: true }).on("message", v => {
	console.log("worker", v); if (!--left) require("child_process").execFile("echo", ["child"], (e, o) =>
	console.log(o.trim(), require("zlib").gzipSync(Buffer.alloc(1e6)).length)); });' "$(many 100000 5)"
}

needs_strace='strace'
case_strace()
{
	strace -f -e trace=none -o /dev/null sh -c 'ls /; (echo sub); exec echo end' | sort | md5sum
}

# Stops a running program, and looks at it.
needs_gdb='gdb gcc'
case_gdb()
{
	printf '#include <stdlib.h>\n#include <unistd.h>\nint *answer;\nint main(void) { answer = malloc(4); *answer = 42; for (;;) pause(); }\n' >p.c
	gcc -g -O0 -o p p.c || return
	./p &
	until_true grep -q pause /proc/$!/wchan || until_true grep -q '^State:.S' /proc/$!/status
	gdb -batch -nx -p $! -ex 'print *answer' -ex 'print ((void *(*)(unsigned long))malloc)(10) != 0' \
		-ex 'bt -1' -ex detach 2>/dev/null | sed -n 's/0x[0-9a-f]* in //; /^\$/p; /main (/p'
	kill $!; wait $! 2>/dev/null; echo "status $?"
}

# The preload does not reach these: they run as ever.
needs_static='gcc'
case_static()
{
	printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { char *p = malloc(9); sprintf(p, "static"); puts(p); return 4; }\n' >s.c
	gcc -static -o s s.c && ./s
}

# ld.so takes a library for a setuid program from nowhere but its own directories.
needs_setuid='setpriv'
case_setuid()
{
	[ "$(id -u)" -eq 0 ] || { echo "not root: no setuid program can be made"; return; }
	chmod 755 .
	cp /bin/cat cat && chmod 4755 cat
	setpriv --reuid 65534 --regid 65534 --clear-groups ./cat /proc/self/maps 2>/dev/null | grep -c agnocast
	setpriv --reuid 65534 --regid 65534 --clear-groups ./cat /proc/self/status 2>/dev/null | grep ^Uid
}

needs_redis='redis-server redis-benchmark redis-cli'
case_redis()
{
	redis-server --port 0 --unixsocket "$PWD/s" --dir "$PWD" --save '' --appendonly yes \
		--logfile log >/dev/null &
	local cli=(redis-cli -s "$PWD/s")
	until_true "${cli[@]}" ping
	redis-benchmark -s "$PWD/s" -q -n "$(many 20000 2)" -c 20 -P 4 -t set,get,incr,lpush,lpop,sadd,hset,mset >/dev/null || echo "broken: benchmark $?"
	"${cli[@]}" debug populate 50000 key 200
	for i in 1 2 3; do
		"${cli[@]}" bgsave >/dev/null
		until_true sh -c "redis-cli -s '$PWD/s' info persistence | grep -q 'rdb_bgsave_in_progress:0'"
		"${cli[@]}" info persistence | grep -E 'rdb_last_bgsave_status' | tr -d '\r'
		"${cli[@]}" set "during$i" x
	done
	"${cli[@]}" bgrewriteaof >/dev/null
	until_true sh -c "redis-cli -s '$PWD/s' info persistence | grep -q 'aof_rewrite_in_progress:0'"
	"${cli[@]}" info persistence | grep aof_last_bgrewrite_status | tr -d '\r'
	"${cli[@]}" dbsize
	"${cli[@]}" shutdown nosave; wait; echo "server $?"
	redis-check-rdb dump.rdb | grep -c 'RDB looks OK'
}

needs_nginx='nginx python3'
case_nginx()
{
	mkdir -p html logs; seq 20000 >html/seq
	cat >conf <<-END
		daemon off; master_process on; worker_processes 2; pid $PWD/pid; error_log stderr crit;
		user $(id -un);
		events { worker_connections 256; }
		http { access_log off; gzip on; gzip_types *; server { listen unix:$PWD/s; root $PWD/html; } }
	END
	nginx -e stderr -p "$PWD" -c "$PWD/conf" & local server=$!
	until_true test -S s
	env -u LD_PRELOAD python3 - "$(many 300 5)" <<'PY'
import hashlib, socket, sys
digest = hashlib.md5()
for i in range(int(sys.argv[1])):
    s = socket.socket(socket.AF_UNIX); s.connect("s")
    gzip = b"Accept-Encoding: gzip\r\n" if i % 2 else b""
    s.sendall(b"GET /seq HTTP/1.0\r\n" + gzip + b"\r\n")
    got = b""
    while True:
        part = s.recv(65536)
        if not part: break
        got += part
    digest.update(got.split(b"\r\n\r\n", 1)[1])
print(digest.hexdigest())
PY
	kill -HUP $server; sleep 0.3; kill -QUIT $server; wait $server; echo "server $?"
}

needs_ffmpeg='ffmpeg'
case_ffmpeg()
{
	ffmpeg -v error -f lavfi -i testsrc2=size=640x480:rate=25 -t "$(many 2 5)" -c:v mpeg4 -threads 2 \
		-bitexact -y o.avi && md5sum <o.avi
	ffmpeg -v error -i o.avi -vf scale=320:240 -f framemd5 - | md5sum
}

needs_imagemagick='convert-im6.q16'
case_imagemagick()
{
	convert-im6.q16 -size 800x600 plasma:red-blue -seed 1 p.png 2>/dev/null
	convert-im6.q16 -size 800x600 gradient:red-blue -blur 0x4 -rotate 30 -resize 50% rgb:- | md5sum
}

needs_stress_ng='stress-ng'
case_stress_ng()
{
	local s
	for s in malloc bigheap fork forkheavy vfork clone daemon pthread tree tsearch hsearch list \
			skiplist zlib mergesort dynlib exec spawn zombie; do
		stress-ng --"$s" 2 --"$s"-ops 100 --timeout 4 --verify --temp-path . >log 2>&1 ||
			echo "broken: $s $? $(tail -n 1 log)"
		echo "$s"
	done
	stress-ng --malloc 2 --malloc-ops "$(many 2000 5)" --malloc-bytes 32m --malloc-thresh 1m \
		--malloc-touch --verify --timeout 60 >log 2>&1 || echo "broken: $? $(tail -n 1 log)"
}

needs_pcl='pcl_voxel_grid pcl_outlier_removal'
case_pcl()
{
	awk -v n="$(many 40000 5)" 'BEGIN { srand(1); print "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH " n "\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS " n "\nDATA ascii"
		for (i = 0; i < n; i++) print rand() * 10, rand() * 10, rand() }' >a.pcd
	pcl_voxel_grid a.pcd b.pcd -leaf 0.1,0.1,0.1 >/dev/null 2>&1; [ -s b.pcd ] || echo "broken: no voxels"; md5sum <b.pcd
	pcl_outlier_removal b.pcd c.pcd -method statistical -mean_k 10 >/dev/null 2>&1; [ -s c.pcd ] || echo "broken: no inliers"; md5sum <c.pcd
	pcl_normal_estimation c.pcd d.pcd -k 12 >/dev/null 2>&1; [ -s d.pcd ] || echo "broken: no normals"; md5sum <d.pcd
}

needs_opencv='/usr/bin/python3'
case_opencv()
{
	/usr/bin/python3 - "$(many 5 6)" <<'PY'
import hashlib, sys
import cv2, numpy as np
cv2.setNumThreads(2)
rng = np.random.RandomState(1)
digest = hashlib.md5()
for i in range(int(sys.argv[1])):
    im = (rng.rand(480, 640) * 255).astype(np.uint8)
    im = cv2.resize(cv2.GaussianBlur(im, (7, 7), 2), (1280, 960))
    points, descriptors = cv2.ORB_create(500).detectAndCompute(im, None)
    im = cv2.warpAffine(im, cv2.getRotationMatrix2D((640, 480), 30, 1), (1280, 960))
    ok, png = cv2.imencode(".png", im)
    digest.update(png.tobytes()); digest.update(str(len(points)).encode())
print(digest.hexdigest())
PY
}

short_cases='forks starts bash coreutils tar_xz python_json python_processes perl gcc clang make git sqlite3 jq
	openssl node strace gdb static setuid'
long_cases="$short_cases redis nginx ffmpeg imagemagick stress_ng pcl opencv"
# Whose cost says nothing: they do next to nothing, or work for a time and not up to an end.
rowless_cases='strace gdb static setuid stress_ng'
