// SPDX-License-Identifier: GPL-2.0-only
/** The pages of the documentation, as tests that type their commands read them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './mpu.js';

/** The code blocks of one language in a page, in order. */
export function codeBlocks(page: string, language: string): string[] {
  const text = readFileSync(join(checkout, page), 'utf8');
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code = '']) =>
    code.trim(),
  );
}
