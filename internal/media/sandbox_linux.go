package media

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// enterSandbox gives up what a decoder does not need, for good, and tries
// whether it is gone. Landlock is used as far as the kernel has it; the system
// call filter alone also keeps files, sockets and programs away.
func enterSandbox(lim Limits, trap bool) selfTest {
	var notes, holes []string
	if err := limitResources(lim); err != nil {
		holes = append(holes, err.Error())
	}
	abi, err := llsys.LandlockGetABIVersion()
	if err == nil && abi > 0 {
		err = landlock.V6.BestEffort().Restrict()
	}
	if err != nil || abi == 0 {
		notes = append(notes, "no landlock")
	} else {
		notes = append(notes, fmt.Sprintf("landlock abi %d", abi))
	}
	if err := filterCalls(trap); err != nil {
		holes = append(holes, "seccomp: "+err.Error())
	} else {
		notes = append(notes, "seccomp")
	}
	if !trap { // else trying would be the end
		holes = append(holes, tryForbidden()...)
	}
	return selfTest{Sandbox: strings.Join(notes, ", "), Holes: strings.Join(holes, "; ")}
}

// trapped reports whether a child that has ended was killed by the filter.
func (w *worker) trapped() bool {
	s, ok := w.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && s.Signaled() && s.Signal() == syscall.SIGSYS
}

// limitResources sets the limits that the kernel enforces. RLIMIT_AS is left
// alone: the Go runtime reserves address space freely.
func limitResources(lim Limits) error {
	seconds := uint64(lim.Timeout/time.Second+1) * recycleAfter
	data := uint64(lim.ChildData)
	if raceDetector {
		data = unix.RLIM_INFINITY // its shadow memory counts as data
	}
	for _, l := range []struct {
		name     string
		resource int
		value    uint64
	}{
		{"data", unix.RLIMIT_DATA, data},
		{"cpu", unix.RLIMIT_CPU, seconds},
		{"fsize", unix.RLIMIT_FSIZE, 0},
		{"core", unix.RLIMIT_CORE, 0},
		{"nofile", unix.RLIMIT_NOFILE, 16},
	} {
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("limit of %s: %w", l.name, err)
		}
	}
	return nil
}

// permitted are the system calls that the Go runtime needs once it runs, besides
// those that filterCalls permits under conditions. All others fail with EPERM.
func permitted() []string {
	return []string{
		"read", "write", "close", "fcntl",
		"munmap", "madvise", "mincore", "mremap", "brk",
		"futex", "nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "sched_yield",
		"sched_getaffinity", "getpid", "gettid", "tgkill",
		"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
		"setitimer", "timer_create", "timer_settime", "timer_delete",
		"epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2", "pipe2",
		"getrandom", "membarrier", "set_robust_list", "rseq",
		"exit", "exit_group",
	}
}

// filterCalls installs the filter on all threads. Threads may be made, other
// processes may not. Memory may be taken but never made executable, so that no
// code runs but what was there before the first file: not a shared library, not
// a compiled Wasm module, not bytes of a picture. clone3, whose flags a filter cannot read, pretends not to
// exist, so that the C library falls back on clone.
func filterCalls(trap bool) error {
	forbidden := seccomp.ActionErrno
	if trap {
		forbidden = seccomp.ActionKillProcess
	}
	notExecutable := func(name string) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{
			{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC},
		}}
	}
	filter := seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: forbidden,
			Syscalls: []seccomp.SyscallGroup{
				{Action: seccomp.ActionAllow, Names: permitted()},
				{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
				{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{{
					Name: "clone",
					Conditions: seccomp.ArgumentConditions{
						{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD},
					},
				}, notExecutable("mmap"), notExecutable("mprotect")}},
			},
		},
	}
	if err := seccomp.LoadFilter(filter); err != nil {
		return fmt.Errorf("media: %w", err)
	}
	return nil
}

// tryForbidden tries what a child must not be able to do and lists what was not
// refused as it should be.
func tryForbidden() []string {
	var holes []string
	refused := func(what string, err error, with ...unix.Errno) {
		for _, errno := range with {
			if errors.Is(err, errno) {
				return
			}
		}
		holes = append(holes, what+" is not refused")
	}
	f, err := os.Open("/")
	if err == nil {
		_ = f.Close()
	}
	refused("opening a file", err, unix.EPERM, unix.EACCES)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	refused("a socket", err, unix.EPERM)
	_, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	refused("a local socket", err, unix.EPERM)
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	refused("executable memory", err, unix.EPERM)
	if err == nil {
		_ = unix.Munmap(b)
	}
	if b, err = unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err == nil {
		refused("making memory executable", unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC), unix.EPERM)
		_ = unix.Munmap(b)
	}
	refused("a namespace", unix.Unshare(0), unix.EPERM)
	// Neither can succeed even without a sandbox, since / is no program; but
	// only the filter answers EPERM.
	refused("replacing the program", unix.Exec("/", []string{"/"}, nil), unix.EPERM)
	_, err = os.StartProcess("/", []string{"/"}, &os.ProcAttr{})
	refused("starting a process", err, unix.EPERM)
	return holes
}
