// SPDX-License-Identifier: GPL-2.0-only
/** Reads what clients print into rows. Every parser throws on output it does not understand. */

/** A process as a client shows it; null where the client says it does not know. */
export interface ShownProcess {
  pid: number;
  name: string | null;
  /** MiB. */
  memory: number | null;
}

/** A row of a table that also tells GPU and type (`C`, `G`, `M+C`, ...). */
export interface ShownOnGpu extends ShownProcess {
  gpu: number;
  type: string;
}

/** An accounting record; memory is its peak in MiB. */
export interface ShownRecord {
  pid: number;
  memory: number | null;
}

/** A row of `pmon`; utilization in percent. */
export interface ShownActivity extends ShownOnGpu {
  sm: number | null;
  mem: number | null;
  enc: number | null;
  dec: number | null;
}

const orNull = (text: string): number | null => {
  const match = /^(\d+)/.exec(text);
  return match === null ? null : Number(match[1]);
};

/** The process box of a plain `nvidia-smi`. */
export function parseTable(output: string): ShownOnGpu[] {
  const [, box] = output.split(/^\| Processes:.*$/m);
  if (box === undefined) throw new Error('no process box');
  const rows: ShownOnGpu[] = [];
  for (const line of box.split('\n')) {
    if (/^\|\s+(GPU|ID)\s/.test(line) || !/^\|\s*\S/.test(line) || /^\|[=-]/.test(line)) continue;
    if (/^\|\s+(ID\s+ID|No running processes found)\s/.test(line)) continue;
    // GPU, since 450 the MIG instances, PID, type, name, memory
    const row =
      /^\|\s+(\d+)\s+(?:(?:N\/A|\d+)\s+(?:N\/A|\d+)\s+)?(\d+)\s+([CGM+]+)\s+(\S.*?)\s+(\d+MiB|N\/A)\s+\|$/.exec(line);
    if (row === null) throw new Error(`not a row of the process box: ${line}`);
    const [, gpu, pid, type = '', name = '', memory = ''] = row;
    rows.push({ gpu: Number(gpu), pid: Number(pid), type, name, memory: orNull(memory) });
  }
  return rows;
}

/** `--query-compute-apps=pid,process_name,used_memory --format=csv,noheader,nounits` */
export function parseComputeApps(output: string): ShownProcess[] {
  return output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const row = /^(\d+), (.*), (\S.*)$/.exec(line);
      if (row === null) throw new Error(`not a row of compute apps: ${line}`);
      const [, pid, name = '', memory = ''] = row;
      return { pid: Number(pid), name: name === '[Not Found]' ? null : name, memory: orNull(memory) };
    });
}

/** `-q -d PIDS` */
export function parseQuery(output: string): ShownOnGpu[] {
  const rows: ShownOnGpu[] = [];
  let gpu = -1;
  for (const line of output.split('\n')) {
    if (/^GPU [0-9A-F]{8}:/.test(line)) gpu++;
    const [, label = '', value = ''] = /^\s+(.*?)\s*: (.*)$/.exec(line) ?? [];
    const row = rows.at(-1);
    if (label === 'Process ID') rows.push({ gpu, pid: Number(value), type: '', name: null, memory: null });
    else if (row === undefined) continue;
    else if (label === 'Type') row.type = value;
    else if (label === 'Name') row.name = value === 'Not Found' || value === '' ? null : value;
    else if (label === 'Used GPU Memory') row.memory = orNull(value);
  }
  if (gpu < 0) throw new Error('no GPU');
  return rows;
}

/** `--query-accounted-apps=pid,max_memory_usage --format=csv,noheader,nounits`; memory in MiB. */
export function parseAccountedApps(output: string): ShownRecord[] {
  return output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const row = /^(\d+), (\S.*)$/.exec(line);
      if (row === null) throw new Error(`not a row of accounted apps: ${line}`);
      return { pid: Number(row[1]), memory: orNull(row[2] ?? '') };
    });
}

/** `-q -d ACCOUNTING` */
export function parseAccounting(output: string): (ShownRecord & { gpu: number })[] {
  const rows: (ShownRecord & { gpu: number })[] = [];
  let gpu = -1;
  for (const line of output.split('\n')) {
    if (/^GPU [0-9A-F]{8}:/.test(line)) gpu++;
    const [, label = '', value = ''] = /^\s+(.*?)\s*: (.*)$/.exec(line) ?? [];
    const row = rows.at(-1);
    if (label === 'Process ID') rows.push({ gpu, pid: Number(value), memory: null });
    else if (row !== undefined && /^max memory usage$/i.test(label)) row.memory = orNull(value);
  }
  if (gpu < 0) throw new Error('no GPU');
  return rows;
}

const element = (xml: string, name: string): string =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]?.trim() ?? '';

/** `-q -x`: the processes of every GPU, and the accounting records. */
export function parseXml(output: string): { processes: ShownOnGpu[]; records: (ShownRecord & { gpu: number })[] } {
  const gpus = output.split(/<gpu id=/).slice(1);
  if (gpus.length === 0) throw new Error('no GPU');
  const blocks = (xml: string, name: string): string[] =>
    [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map(([, block = '']) => block);
  const pid = (block: string): number => {
    const text = element(block, 'pid');
    if (!/^\d+$/.test(text)) throw new Error(`a process without its PID: ${block}`);
    return Number(text);
  };
  return {
    processes: gpus.flatMap((xml, gpu) =>
      blocks(xml, 'process_info').map((block) => {
        const name = element(block, 'process_name');
        return {
          gpu,
          pid: pid(block),
          type: element(block, 'type'),
          name: name === 'Not Found' || name === '' ? null : name,
          memory: orNull(element(block, 'used_memory')),
        };
      }),
    ),
    records: gpus.flatMap((xml, gpu) =>
      blocks(xml, 'accounted_process_info').map((block) => ({
        gpu,
        pid: pid(block),
        memory: orNull(element(block, 'max_memory_usage')),
      })),
    ),
  };
}

/** `encodersessions` and `fbcsessions`, which repeat their rows every second. */
export function parseSessions(output: string): { gpu: number; sessionId: number; pid: number }[] {
  if (!/^#\s+GPU\s+Session/m.test(output)) throw new Error(`no heading of sessions: ${output}`);
  const rows = output
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.trim().split(/\s+/));
  const first = new Map<string, { gpu: number; sessionId: number; pid: number }>();
  for (const [gpu = '', sessionId = '', pid = ''] of rows) {
    if (sessionId === '-') continue;
    if (!/^\d+$/.test(pid)) throw new Error(`not a session: ${gpu} ${sessionId} ${pid}`);
    first.set(`${gpu} ${sessionId} ${pid}`, { gpu: Number(gpu), sessionId: Number(sessionId), pid: Number(pid) });
  }
  return [...first.values()];
}

/** `pmon -c 1 -s um`; a GPU with no process is one row of dashes, which is left out. */
export function parsePmon(output: string): ShownActivity[] {
  const rows: ShownActivity[] = [];
  let columns: string[] = [];
  for (const line of output.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === '#') {
      if (words[1] === 'gpu') columns = words.slice(1);
      continue;
    }
    if (line.trim() === '') continue;
    const word = (column: string): string => {
      const value = words[columns.indexOf(column)];
      if (value === undefined) throw new Error(`pmon without ${column}: ${line}`);
      return value;
    };
    if (word('pid') === '-') continue;
    rows.push({
      gpu: Number(word('gpu')),
      pid: Number(word('pid')),
      type: word('type'),
      name: word('command') === '-' ? null : word('command'),
      memory: orNull(word('fb')),
      sm: orNull(word('sm')),
      mem: orNull(word('mem')),
      enc: orNull(word('enc')),
      dec: orNull(word('dec')),
    });
  }
  if (columns.length === 0 && output.trim() !== '') throw new Error('pmon without a heading');
  return rows;
}
