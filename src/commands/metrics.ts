import type { RegisterCommand } from './command.js';
export const registerMetrics: RegisterCommand = (program) => { program.command('metrics'); };
