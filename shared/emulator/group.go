package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// groupAlive reports whether a process of the group still runs. The kernel's own answer counts those that have ended
// and that nobody has asked about; where the first process of the system asks about nothing, as in many containers,
// they stay for good. So that answer counts only if it is no, or if there is no /proc to look closer.
func groupAlive(group int) bool {
	if errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) {
		return false
	}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return true
	}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// "pid (name) state parent group …"; the name may have anything in it.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 2 && string(fields[2]) == strconv.Itoa(group) && string(fields[0]) != "Z" {
			return true
		}
	}
	return false
}

// KillFunction kills the processes that run a Lambda function at the moment, as a crash would, waits until they are dead,
// and returns how many they were. Before that the emulator would hand them another event. The name is the function's physical one. Only where there is a /proc.
func (e *Emulator) KillFunction(name string) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return 0, fmt.Errorf("find the processes of %s: %w", name, err)
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("find the processes of %s: this system has no /proc", name)
	}
	var killed []string
	for _, file := range files {
		environment, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended, or is somebody else's
		}
		variables := strings.Split(string(environment), "\x00")
		if !slices.Contains(variables, "AWS_LAMBDA_FUNCTION_NAME="+name) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue // the pattern lets digits in only at the beginning
		}
		if group, err := syscall.Getpgid(pid); err != nil || group != e.pid {
			continue // another emulator's
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return len(killed), fmt.Errorf("kill process %d of %s: %w", pid, name, err)
		}
		killed = append(killed, file)
	}
	for range killDeadline / pollInterval {
		// A process that is dead, though nobody has waited for it yet, has no environment.
		if !slices.ContainsFunc(killed, func(file string) bool { left, err := os.ReadFile(file); return err == nil && len(left) > 0 }) {
			return len(killed), nil
		}
		<-time.After(pollInterval)
	}
	return len(killed), fmt.Errorf("kill the processes of %s: they do not end", name)
}
