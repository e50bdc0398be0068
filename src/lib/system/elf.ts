// SPDX-License-Identifier: GPL-2.0-only
/** Sections of ELF files, 32-bit and 64-bit, little-endian. */

/** Offsets in the headers of one ELF class (elf.h: Elf32_Ehdr, Elf64_Ehdr and the section headers). */
interface ElfClass {
  table: number;
  counts: number;
  offset: number;
  size: number;
  /** A word of the class. */
  word: (data: Buffer, at: number) => number;
}

const CLASSES: Partial<Record<number, ElfClass>> = {
  1: { table: 0x20, counts: 0x2e, offset: 0x10, size: 0x14, word: (data, at) => data.readUInt32LE(at) },
  2: { table: 0x28, counts: 0x3a, offset: 0x18, size: 0x20, word: (data, at) => Number(data.readBigUInt64LE(at)) },
};

/**
 * The contents of a section; undefined when the file has none of that name, ends before its headers say so, or is no
 * little-endian ELF file.
 */
export function elfSection(data: Buffer, wanted: string): Buffer | undefined {
  const elf = data.subarray(0, 4).toString('latin1') === '\x7fELF' && data[5] === 1 ? CLASSES[data[4] ?? 0] : undefined;
  if (elf === undefined) return undefined;
  try {
    const table = elf.word(data, elf.table);
    const [entrySize, count, nameIndex] = [0, 2, 4].map((at) => data.readUInt16LE(elf.counts + at));
    if (entrySize === undefined || count === undefined || nameIndex === undefined) return undefined;
    const contents = (index: number): Buffer => {
      const header = table + index * entrySize;
      const offset = elf.word(data, header + elf.offset);
      return data.subarray(offset, offset + elf.word(data, header + elf.size));
    };
    const names = contents(nameIndex);
    for (let index = 0; index < count; index++) {
      const at = data.readUInt32LE(table + index * entrySize);
      if (names.toString('latin1', at, names.indexOf(0, at)) === wanted) return contents(index);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

/** e_machine of a little-endian ELF file (elf.h: EM_X86_64 is 62); undefined for any other file. */
export function elfMachine(data: Buffer): number | undefined {
  const isElf = data.length >= 20 && data.subarray(0, 4).toString('latin1') === '\x7fELF' && data[5] === 1;
  return isElf ? data.readUInt16LE(18) : undefined;
}
