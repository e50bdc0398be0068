// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { shortList } from '#mpu/lib/terminal/short-list.js';

t.equal(shortList([]), '');
t.equal(shortList([1, 2]), '1, 2');
const many = Array.from({ length: 60_000 }, (_, index) => index);
t.equal(shortList(many), '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, and 59990 more');
t.equal(shortList(many.slice(0, 10)), '0, 1, 2, 3, 4, 5, 6, 7, 8, 9', 'ten are shown');
