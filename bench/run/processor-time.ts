/** What the kernel knows of processes (Linux): processor time of those that were waited for and of all, peak memory of one that runs. */
import { readFileSync } from 'node:fs';

/** A clock tick of /proc: 100 a second on every Linux that Node runs on. */
const tickMs = 10;

/** User and system time of all children of this process that have ended, and of theirs. */
export function childrenCpuMs(): number {
  return cpuOfStat(readFileSync('/proc/self/stat', 'utf8'));
}

/** How busy all processes of the machine have been since it started, in milliseconds of one core. */
export function machineCpuMs(): number {
  return cpuOfMachine(readFileSync('/proc/stat', 'utf8'));
}

/** The most that a running process has held in memory. */
export function peakRssMb(pid: number): number {
  return peakOfStatus(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** `cutime` and `cstime`, the 16th and 17th field; the second one is a name that may hold blanks. */
export function cpuOfStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * tickMs;
}

/** The first line: user, nice, system, idle, waiting for disks, two kinds of interrupts, and what the host gave to others. */
export function cpuOfMachine(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] = (/^cpu +(.+)$/m.exec(stat)?.[1] ?? '')
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softIrq + stolen) * tickMs;
}

/** `VmHWM`, in kB. */
export function peakOfStatus(status: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
