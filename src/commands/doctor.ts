import type { RegisterCommand } from './command.js';
export const registerDoctor: RegisterCommand = (program) => { program.command('doctor'); };
