import type { RegisterCommand } from './command.js';
export const registerStatus: RegisterCommand = (program) => { program.command('status'); };
