// SPDX-License-Identifier: GPL-2.0-only
/** Runs under rm-sim: plays the scenario in the file named as argument and prints its ScenarioOutcome. */
import { readFileSync } from 'node:fs';
import { playScenario } from './play-scenario.js';
import type { Scenario } from './scenario.js';

const scenario = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Scenario;
process.stdout.write(`${JSON.stringify(await playScenario(scenario))}\n`);
