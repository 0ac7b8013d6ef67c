/**
 * What a hostile build tries. Each attempt is a shell script that says `ESCAPED` and what it got when it gets
 * anything, and `tried` at its end, so that an attempt that could not run is not taken for one that was held. `{data}`,
 * `{other}` and `{secret}` stand for the data directory, another build's folder, and the text that nobody may see.
 */

export interface Attempt {
  readonly what: string;
  readonly script: string;
  /** It may end the build itself, by its own hand or by a limit. */
  readonly mayDie?: boolean;
  /** Nothing more happens in it, so that its time limit comes at once. */
  readonly stalls?: boolean;
  /** How the server must have ended it. */
  readonly ends?: string;
}

/** A program of Debian's base that can make any system call. */
const perl = (program: string) => `perl -e '${program}' 2>/dev/null`;
const writes = (path: string, text: string) =>
  `{ echo ${text} >${path}; } 2>/dev/null && echo "ESCAPED wrote ${path}"`;
const reads = (path: string) =>
  `timeout 1 head -c 1 ${path} 2>/dev/null | grep -q . && echo "ESCAPED read ${path}"`;

export const ATTEMPTS: readonly Attempt[] = [
  {
    what: 'files of the machine, the data directory and other builds',
    script: `
      for path in {data} {other} /etc/shadow /home/?* /root/.ssh /root/.aws /boot /srv /mnt /var/log /var/lib /opt/x; do
        [ -e "$path" ] && echo "ESCAPED sees $path"
      done
      find / -xdev -name master.key 2>/dev/null | grep . && echo 'ESCAPED found a key'
      grep -rs '{secret}' /etc /run /tmp /var /root /codebuild/output 2>/dev/null | grep . && echo 'ESCAPED secret'`,
  },
  {
    what: 'the root of other processes, by /proc',
    script: `
      for p in /proc/[0-9]*; do
        [ -e "$p/root{data}" ] && echo "ESCAPED by $p/root"
        [ -e "$p/cwd/../..{data}" ] && echo "ESCAPED by $p/cwd"
        for f in "$p"/fd/*; do case $(readlink "$f" 2>/dev/null) in *slipway.db* | *master.key*) echo "ESCAPED $f" ;; esac; done
        tr '\\0' '\\n' <"$p/environ" 2>/dev/null | grep -E 'SLIPWAY|AWS_SECRET' && echo 'ESCAPED environment'
        tr '\\0' ' ' <"$p/cmdline" 2>/dev/null | grep -E '[n]ode ' && echo 'ESCAPED sees the server'
      done
      [ "$(ls /proc | grep -c '^[0-9]')" -lt 12 ] || echo 'ESCAPED sees many processes'`,
  },
  {
    what: 'switches of the kernel in /proc and /sys',
    script: `
      ${writes('/proc/sysrq-trigger', 'h')}
      ${writes('/proc/sys/kernel/core_pattern', "'|/codebuild/x'")}
      ${writes('/proc/sys/kernel/modprobe', '/codebuild/x')}
      ${writes('/proc/sys/vm/drop_caches', '1')}
      ${writes('/proc/sys/kernel/hostname', 'x')}
      ${writes('/proc/sys/fs/binfmt_misc/register', ':x:M::x::/x:')}
      ${writes('/sys/kernel/uevent_helper', '/codebuild/x')}
      ${writes('/sys/fs/cgroup/x', '1')}
      ${writes('/sys/power/state', 'mem')}
      ${writes('/proc/1/oom_score_adj', '-1000')}
      ${reads('/proc/kcore')}
      ${reads('/proc/kmsg')}
      grep -vE '^0+ ' /proc/kallsyms 2>/dev/null | head -1 | grep . && echo 'ESCAPED kernel addresses'
      mkdir /sys/fs/cgroup/x 2>/dev/null && echo 'ESCAPED made a control group'`,
  },
  {
    what: 'devices',
    script: `
      for d in mem kmem port kmsg fuse vda sda nvme0n1 loop-control tty console ptmx net/tun kvm; do
        ${reads('/dev/$d')}
      done
      for at in /dev/x /tmp/x /codebuild/x /root/x; do
        { mknod $at b 254 0 || mknod $at c 1 1; } 2>/dev/null && head -c 1 $at >/dev/null 2>&1 && echo "ESCAPED device $at"
      done`,
  },
  {
    what: 'mounting, other roots, other namespaces',
    script: `
      mount -t tmpfs none /tmp 2>/dev/null && echo 'ESCAPED mounted'
      mount -o remount,rw / 2>/dev/null && echo 'ESCAPED remounted'
      umount /codebuild/readonly 2>/dev/null && echo 'ESCAPED unmounted'
      mount -t cgroup2 none /tmp 2>/dev/null && echo 'ESCAPED cgroup'
      unshare -m true 2>/dev/null && echo 'ESCAPED mount namespace'
      chroot / true 2>/dev/null && echo 'ESCAPED chroot'
      for ns in mnt pid net ipc uts user cgroup; do
        nsenter --$ns=/proc/1/ns/$ns true 2>/dev/null && [ $ns != user ] && echo "ESCAPED into $ns"
      done
      hostname escaped 2>/dev/null; [ "$(hostname)" = build ] || echo 'ESCAPED changed the host name'`,
  },
  {
    what: 'a user namespace inside, and what its root may do',
    script: `
      unshare -Urm sh -c '
        mount -o remount,rw,bind /usr && touch /usr/x && echo ESCAPED wrote /usr
        mount -o remount,rw,bind / && touch /x && echo ESCAPED wrote the root
        umount -l /proc && ls / >/dev/null && [ -e {data} ] && echo ESCAPED uncovered {data}
        mount -t proc p /proc && [ -e /proc/1/root{data} ] && echo ESCAPED another proc
        mkdir -p /tmp/o && mount --bind / /tmp/o && [ -e /tmp/o{data} ] && echo ESCAPED bind
        echo h >/proc/sysrq-trigger && echo ESCAPED sysrq
        mknod /tmp/d b 254 0 && head -c 1 /tmp/d && echo ESCAPED device
        true' 2>/dev/null
      unshare -Urn sh -c 'ip link add x type dummy' 2>/dev/null
      grep -s . {data}/master.key && echo 'ESCAPED key'`,
  },
  {
    what: 'privileges: setuid programs, file capabilities, users',
    script: `
      grep -q '^NoNewPrivs:.*1' /proc/self/status || echo 'ESCAPED may gain privileges'
      caps=$(sed -n 's/^CapBnd:\\s*//p' /proc/self/status)
      [ $((0x$caps & 0x3fffffffff & ~0x800000fb)) -eq 0 ] || echo "ESCAPED has $caps"
      cp /bin/sh /codebuild/sh && chmod 4755 /codebuild/sh 2>/dev/null
      /codebuild/sh -p -c '[ -r /etc/shadow ]' && echo 'ESCAPED setuid'
      setcap cap_sys_admin+ep /codebuild/sh 2>/dev/null
      /codebuild/sh -c 'mount -t tmpfs n /tmp' 2>/dev/null && echo 'ESCAPED file capability'
      su nobody -s /bin/sh -c 'kill -0 1' 2>/dev/null && echo 'ESCAPED su'
      for user in 1 33 100 500 1500 12345 65533 100000; do
        chown $user /codebuild/sh 2>/dev/null && echo "ESCAPED owner $user"
        setpriv --reuid=$user --clear-groups true 2>/dev/null && echo "ESCAPED user $user"
      done
      renice -20 $$ >/dev/null 2>&1 && echo 'ESCAPED nicer'
      ulimit -Hn 99999999 2>/dev/null && echo 'ESCAPED limit'`,
  },
  {
    what: 'programs of the machine, and the files of the supervisor',
    script: `
      for at in /usr/bin/x /etc/ssl/x /etc/alternatives/x /bin/x /lib/x /x /codebuild/readonly/x /codebuild/readonly/steps/9/x; do
        touch $at 2>/dev/null && echo "ESCAPED wrote $at"
      done
      ${writes('/codebuild/readonly/supervisor.sh', 'exit')}
      ${writes('/codebuild/readonly/steps/1/script.sh', 'exit')}
      mv /codebuild/readonly /codebuild/other 2>/dev/null && echo 'ESCAPED moved the steps'
      ln /usr/bin/env /codebuild/env 2>/dev/null && echo 'ESCAPED linked a program'
      ln /codebuild/readonly/supervisor.sh /codebuild/s 2>/dev/null && echo 'ESCAPED linked the supervisor'`,
  },
  {
    what: 'ptrace, memory and signals of what is not its own',
    script: `
      ${perl('for my $p (2..70000) { next if -e "/proc/$p"; print "ESCAPED signalled $p\\n" if kill(0, $p) }')}
      kill -9 1; kill -STOP 1; kill -SEGV 1
      for p in /proc/[0-9]*; do
        case $(readlink $p/exe) in */node | */bwrap | */unshare) { head -c 1 $p/mem; echo x >$p/mem; } 2>/dev/null && echo "ESCAPED $p" ;; esac
      done`,
  },
  {
    what: 'keys of the kernel',
    script: `${perl('my $r = syscall(250, 0, -3, 0); for my $k (-3, -4, -5) { my $b = " " x 4096; my $n = syscall(250, 11, $k, $b, 4096); next if $n < 4; print "ESCAPED reads a key\\n" if grep { my $d = " " x 256; my $m = syscall(250, 11, $_, $d, 256); $m > 0 && substr($d, 0, $m) =~ /{secret}/ } unpack("l*", substr($b, 0, $n)) }')}`,
  },
  {
    what: 'typing into the terminal of the server (TIOCSTI, TIOCLINUX)',
    script: `${perl('for my $f (0, 1, 2) { open(my $h, "+<&=", $f) or next; print "ESCAPED typed\\n" if ioctl($h, 0x5412, "x"); my $c = "\\x03x"; print "ESCAPED pasted\\n" if ioctl($h, 0x541C, $c) }')}
      { echo x >/dev/tty; } 2>/dev/null && echo 'ESCAPED has a terminal'`,
  },
  {
    what: 'sockets: raw ones, packets, the kernel’s own, other hosts',
    script: `
      ${perl('print "ESCAPED packets\\n" if socket(my $s, 17, 3, 0x0300)')}
      ${perl('print "ESCAPED raw\\n" if socket(my $s, 2, 3, 1)')}
      ip link add x type dummy 2>/dev/null && echo 'ESCAPED made a device'
      ip route add default dev lo 2>/dev/null && echo 'ESCAPED made a route'
      for host in 169.254.169.254:80 169.254.170.2:80 127.0.0.1:{port} 10.0.0.1:80 {address}:{port}; do
        timeout 3 bash -c "exec 3<>/dev/tcp/\${host%:*}/\${host#*:}" 2>/dev/null && echo "ESCAPED reached $host"
      done
      [ "$(grep -c '@{abstract}' /proc/net/unix)" = 0 ] || echo 'ESCAPED sees an abstract socket'
      [ "$(ls /sys/class/net 2>/dev/null | grep -vc '^lo$')" = 0 ] || echo 'ESCAPED sees interfaces'`,
  },
  {
    what: 'daemons that outlive the build',
    script: `
      ${perl('fork and exit; setpgrp; syscall(112); fork and exit; exec "sleep", "61234"')} &
      setsid nohup sleep 61234 >/dev/null 2>&1 </dev/null &
      (trap '' TERM HUP INT; while :; do sleep 61234; done) >/dev/null 2>&1 &`,
  },
  {
    what: 'orders and ends of its own supervisor',
    script: `
      for f in 3 4; do (timeout 1 head -c 1000000 /dev/zero | tr '\\0' 7 >/proc/1/fd/$f) 2>/dev/null; done
      (timeout 1 yes '99999 0 forged' | head -100000 >>/proc/1/fd/4) 2>/dev/null`,
    mayDie: true,
  },
  {
    what: 'an end without end',
    script: `(timeout 5 head -c 100000000 /dev/zero | tr '\\0' 7 >/proc/1/fd/4) 2>/dev/null`,
    mayDie: true,
  },
  {
    what: 'its own end, by the supervisor’s signals',
    script: 'echo tried; kill -TERM 1; sleep 5',
    mayDie: true,
  },
  {
    what: 'tracing its own supervisor, which then does nothing more',
    script: `echo tried; ${perl('syscall(101, 16, 1, 0, 0)')}`,
    mayDie: true,
    stalls: true,
  },
  {
    what: 'a fork bomb',
    script: `
      bomb() { bomb | bomb & }
      bomb 2>/dev/null; sleep 1`,
    mayDie: true,
  },
  {
    what: 'all memory, by a program and by the file systems in memory',
    script: `
      (x=a; while :; do x=$x$x$x$x; done) 2>/dev/null
      for at in /tmp /dev/shm /var/tmp /run; do (head -c 3000000000 /dev/zero >$at/fill) 2>/dev/null; done
      [ "$(cat /tmp/fill /dev/shm/fill /var/tmp/fill /run/fill 2>/dev/null | wc -c)" -lt 900000000 ] || echo 'ESCAPED memory'
      rm -f /tmp/fill /dev/shm/fill /var/tmp/fill /run/fill`,
    mayDie: true,
  },
  {
    what: 'the disk, by bytes',
    script:
      'echo tried; i=0; while :; do head -c 20000000 /dev/zero >/codebuild/f$i; i=$((i+1)); [ $i -lt 12 ] || sleep 30; done',
    mayDie: true,
    ends: 'it wrote more than 100 MiB to its disk',
  },
  {
    what: 'the disk, by files without content',
    script: `echo tried; ${perl('mkdir "/codebuild/n"; for my $i (1..150000) { open(my $f, ">", "/codebuild/n/$i") } sleep 30')}`,
    mayDie: true,
    ends: 'it wrote more than 100000 files to its disk',
  },
  {
    what: 'the disk, by one file too large',
    script: `head -c 4000000000 /dev/zero >/codebuild/large 2>/dev/null && echo 'ESCAPED file size'; rm -f /codebuild/large`,
    mayDie: true,
  },
  {
    what: 'lines without end, and terminal controls',
    script: `head -c 30000000 /dev/zero | tr '\\0' a; printf '\\033]0;owned\\007\\033[2J\\033[31m\\033P\\033\\\\\\n'`,
  },
];
