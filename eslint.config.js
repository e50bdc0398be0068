// SPDX-License-Identifier: GPL-2.0-only
import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import rooms from './scripts/floors.js';

export default tseslint.config(
  { ignores: ['build/', 'dist/', 'node_modules/', '.cache/', '.tap/'] },
  js.configs.recommended,
  {
    files: ['scripts/*.js'],
    languageOptions: {
      globals: { AbortController: 'readonly', Buffer: 'readonly', URL: 'readonly', process: 'readonly' },
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: ['./tsconfig.json', './test/tsconfig.json'] } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { rooms },
    rules: { 'rooms/floors': 'error', 'rooms/no-circle': 'error' },
  },
);
