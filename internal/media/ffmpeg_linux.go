package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// order is what a launcher is to become.
type order struct {
	Program   string
	Args      []string
	Libraries []string // files, or folders, that it may read
	Limits    Limits
}

// launched is a confined program that runs.
type launched struct {
	cmd  *exec.Cmd
	test selfTest
	mu   sync.Mutex // guards done: a number of a process may be given to another once it is
	done bool
	how  string
}

// launch starts a copy of the running executable that confines itself, tries
// whether that holds, and becomes the program. The three files are its standard
// ones; it has no others.
func launch(ctx context.Context, executable string, o order, in, out, words *os.File) (*launched, error) {
	l := &launched{cmd: exec.Command(executable)} //nolint:noctx // killed with its group by stop
	l.cmd.Args = []string{"rowan-media"}
	l.cmd.Env = []string{childVariable + "=" + launcherChild}
	l.cmd.Stdin, l.cmd.Stdout, l.cmd.Stderr = in, out, words
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("media: pipe: %w", err)
	}
	defer func() { _ = told.Close() }()
	ask, asked, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("media: pipe: %w", err), tell.Close())
	}
	defer func() { _ = asked.Close() }()
	l.cmd.ExtraFiles = []*os.File{ask, tell}
	err = l.cmd.Start()
	_, _ = ask.Close(), tell.Close()
	if err != nil {
		return nil, fmt.Errorf("media: launcher: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	defer context.AfterFunc(ctx, l.kill)()
	err = writeJSON(asked, o)
	if err == nil {
		err = readJSON(told, &l.test)
	}
	if err == nil && l.test.Holes != "" {
		err = fmt.Errorf("media: the sandbox does not hold: %s", l.test.Holes)
	}
	if err == nil { // the end: the launcher has become the program
		var rest []byte
		if rest, err = io.ReadAll(io.LimitReader(told, 256)); err == nil && len(rest) > 0 {
			err = fmt.Errorf("media: launcher: %s", rest)
		}
	}
	if err != nil {
		l.stop()
		return nil, err
	}
	return l, nil
}

// kill ends the program and all that it may have started, at once; stop must
// follow. It is safe at any time.
func (l *launched) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.done {
		_ = syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// stop kills the program if it still runs, waits for it, and tells by a reason
// how it ended if not well.
func (l *launched) stop() string {
	l.kill()
	// Waited for without reaping, so that its number stays its own until done.
	var info unix.Siginfo
	for {
		if err := unix.Waitid(unix.P_PID, l.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return l.how
	}
	l.done = true
	_ = l.cmd.Wait()
	if s, ok := l.cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		switch {
		case s.Signaled() && (s.Signal() == syscall.SIGXCPU || s.Signal() == syscall.SIGKILL):
			l.how = ReasonTimeout
		case s.Signaled():
			l.how = ReasonDecoderCrashed
		case s.ExitStatus() != 0:
			l.how = ReasonCorrupt
		}
	}
	return l.how
}

// memoryFile puts bytes into a file that has no name, can be sought in, and
// cannot be changed any more.
func memoryFile(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("video", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("video", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("media: memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "video")
	if _, err = f.Write(data); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("media: memory file: %w", err), f.Close())
	}
	return f, nil
}

// librariesOf are the files that the system's loader takes for a program, as it
// says itself when asked by LD_TRACE_LOADED_OBJECTS (ld.so(8)). Where it does not
// say, they are the folders in which libraries are.
func librariesOf(ctx context.Context, path string) []string {
	cmd := exec.CommandContext(ctx, path, "-version")
	cmd.Env = []string{"LD_TRACE_LOADED_OBJECTS=1"}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	libraries := []string{"/etc/ld.so.cache"}
	if cmd.Run() == nil {
		for lines := bufio.NewScanner(&out); lines.Scan(); {
			// "libm.so.6 => /lib/libm.so.6 (0x…)" or "/lib64/ld.so (0x…)"
			name, _, ok := strings.Cut(strings.TrimSpace(lines.Text()), " (0x")
			if _, to, found := strings.Cut(name, " => "); found {
				name = to
			}
			if ok && filepath.IsAbs(name) {
				libraries = append(libraries, name)
			}
		}
	}
	if len(libraries) == 1 {
		libraries = append(libraries, "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
	}
	return slices.DeleteFunc(libraries, func(name string) bool {
		_, err := os.Stat(name)
		return err != nil
	})
}

// describe asks a program for its version, in its sandbox.
func describe(ctx context.Context, executable string, p *program) (box, version string) {
	out, in, err := os.Pipe()
	if err != nil {
		return "", versionIn(nil)
	}
	defer func() { _ = out.Close() }()
	null, err := memoryFile(nil)
	if err != nil {
		return "", errors.Join(err, in.Close()).Error()
	}
	defer func() { _ = null.Close() }()
	l, err := launch(ctx, executable, order{Program: p.path, Libraries: p.libraries, Args: []string{"ffmpeg", "-version"},
		Limits: DefaultLimits()}, null, in, in)
	_ = in.Close()
	if err != nil {
		return "", versionIn(nil)
	}
	text, _ := io.ReadAll(io.LimitReader(out, 4096))
	l.stop()
	return l.test.Sandbox, versionIn(text)
}

// launcherMain is the life of a launcher. Descriptor 3 is its order, 4 takes what
// it has to say.
func launcherMain() {
	runtime.LockOSThread()
	ask, tell := os.NewFile(3, "ask"), os.NewFile(4, "tell")
	// Besides these two there may be files that the server itself was started with.
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) != nil { // before Linux 5.11
		for fd := 3; fd < 4096; fd++ {
			syscall.CloseOnExec(fd)
		}
	}
	var o order
	err := readJSON(ask, &o)
	if err == nil {
		err = become(o, tell)
	}
	_, _ = fmt.Fprintf(tell, "cannot start %s: %v", filepath.Base(o.Program), err)
	os.Exit(1)
}

// become confines the process and replaces it with the program. It returns only
// if that fails.
func become(o order, tell io.Writer) error {
	test := confine(o)
	if err := writeJSON(tell, test); err != nil {
		return err
	}
	if test.Holes != "" {
		return errors.New("the sandbox does not hold")
	}
	return unix.Exec(o.Program, o.Args, []string{"LC_ALL=C"})
}

// confine gives up all but what a decoding program needs: to read its libraries,
// to read and write the files that it has, and memory. Unlike the children that
// only run our own code it must be able to open files and to make memory
// executable, since it loads libraries, and to replace itself, since the
// launcher becomes the program; which files that may be, Landlock decides, so
// that here it is not optional.
func confine(o order) selfTest {
	var holes []string
	fail := func(what string, err error) {
		if err != nil {
			holes = append(holes, what+": "+err.Error())
		}
	}
	abi, err := llsys.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return selfTest{Sandbox: "no landlock", Holes: "the kernel has no Landlock"}
	}
	fail("landlock", landlock.V6.BestEffort().Restrict(fileRules(o)...))
	fail("limits", limitProgram(o.Limits))
	fail("seccomp", filterProgram())
	holes = append(holes, tryConfined()...)
	return selfTest{Sandbox: fmt.Sprintf("landlock abi %d, seccomp", abi), Holes: strings.Join(holes, "; ")}
}

// fileRules permit reading the libraries, and executing the program and its
// loader.
func fileRules(o order) []landlock.Rule {
	rules := []landlock.Rule{landlock.ROFiles(o.Program)}
	for _, name := range o.Libraries {
		info, err := os.Stat(name)
		switch {
		case err != nil:
		case info.IsDir(): // the loader is in one of them
			rules = append(rules, landlock.RODirs(name))
		case strings.HasPrefix(filepath.Base(name), "ld-"):
			rules = append(rules, landlock.ROFiles(name))
		default:
			rules = append(rules, landlock.PathAccess(llsys.AccessFSReadFile, name))
		}
	}
	return rules
}

// addresses is how much address space a program may take beyond its data: its
// libraries, and what the launcher itself has reserved.
const addresses = 4 << 30

func limitProgram(lim Limits) error {
	cpu := uint64(lim.VideoTimeout/time.Second) + 1
	limits := []struct {
		name     string
		resource int
		value    uint64
	}{
		{"cpu", unix.RLIMIT_CPU, cpu}, {"fsize", unix.RLIMIT_FSIZE, 0}, {"core", unix.RLIMIT_CORE, 0},
		{"nofile", unix.RLIMIT_NOFILE, 32}, {"stack", unix.RLIMIT_STACK, 8 << 20}, {"memlock", unix.RLIMIT_MEMLOCK, 0},
		{"data", unix.RLIMIT_DATA, uint64(lim.VideoData)}, {"as", unix.RLIMIT_AS, uint64(lim.VideoData) + addresses},
	}
	if raceDetector { // its shadow memory counts
		limits = limits[:len(limits)-2]
	}
	for _, l := range limits {
		if err := unix.Prlimit(0, l.resource, &unix.Rlimit{Cur: l.value, Max: l.value}, nil); err != nil {
			return fmt.Errorf("limit of %s: %w", l.name, err)
		}
	}
	return nil
}

// programCalls are what a program needs besides [permitted]. Those that a
// processor's Linux does not have are left out.
func programCalls() []string {
	info, err := arch.GetInfo("")
	if err != nil {
		return permitted()
	}
	return slices.DeleteFunc(append(permitted(),
		"execve", "openat", "open", "newfstatat", "fstat", "stat", "lstat", "statx", "access", "faccessat", "faccessat2",
		"lseek", "pread64", "readv", "writev", "poll", "ppoll", "getdents64", "getcwd", "readlink", "readlinkat",
		"arch_prctl", "set_tid_address", "getuid", "geteuid", "getgid", "getegid", "getrusage", "sysinfo", "uname", "times",
		"clock_getres", "sched_getparam", "sched_getscheduler", "get_mempolicy", "mlock", "statfs", "fstatfs", "tkill",
	), func(name string) bool {
		_, known := info.SyscallNames[name]
		return !known
	})
}

// filterProgram is [filterCalls] for a program: new threads, but no processes, no
// sockets, no memory that is both writable and executable. Limits can be read and
// not set.
func filterProgram() error {
	with := func(name string, c ...seccomp.Condition) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: c}
	}
	lacks := func(argument uint32, bits uint64) seccomp.Condition {
		return seccomp.Condition{Argument: argument, Operation: seccomp.BitsNotSet, Value: bits}
	}
	err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionAllow, Names: programCalls()},
			{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
			{Action: seccomp.ActionAllow, NamesWithCondtions: []seccomp.NameWithConditions{
				with("clone", seccomp.Condition{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}),
				with("mmap", lacks(2, unix.PROT_EXEC)), with("mmap", lacks(2, unix.PROT_WRITE)),
				with("mprotect", lacks(2, unix.PROT_EXEC)),
				with("prlimit64", seccomp.Condition{Argument: 2, Operation: seccomp.Equal, Value: 0}),
			}},
		},
	}})
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	return nil
}

// tryConfined tries what must fail, and lists what did not.
func tryConfined() []string {
	var holes []string
	refused := func(what string, err error) {
		if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
			holes = append(holes, what+" is not refused")
		}
	}
	for _, name := range []string{"/", "/etc/passwd", "/etc/hostname", "/proc/self/maps", "/proc/self/exe"} {
		f, err := os.Open(name)
		if err == nil {
			_ = f.Close()
		}
		if !errors.Is(err, os.ErrNotExist) {
			refused("reading "+name, err)
		}
	}
	f, err := os.OpenFile("/tmp/rowan-escape", os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_ = f.Close()
	}
	if !errors.Is(err, os.ErrNotExist) {
		refused("writing a file", err)
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_NETLINK} {
		_, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		refused("a socket", err)
	}
	b, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	refused("memory to write and execute", err)
	if err == nil {
		_ = unix.Munmap(b)
	}
	refused("a namespace", unix.Unshare(0))
	_, err = unix.PtracePeekData(os.Getppid(), 0, make([]byte, 8))
	refused("reading another process", err)
	refused("a signal to another process", unix.Kill(os.Getppid(), 0))
	p, err := os.StartProcess("/proc/self/exe", []string{"rowan-media"}, &os.ProcAttr{Env: []string{childVariable + "=" + escapedChild}})
	refused("starting a process", err)
	if err == nil {
		_, _ = p.Wait()
	}
	// Were it not refused, this process would be gone, and the parent would hear
	// nothing of a test that was passed.
	refused("becoming another program", unix.Exec("/proc/self/exe", []string{"rowan-media"}, []string{childVariable + "=" + escapedChild}))
	return holes
}
