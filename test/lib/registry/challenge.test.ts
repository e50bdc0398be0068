// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { parseChallenges } from '#mpu/lib/registry/challenge.js';

const parsed = (header: string): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

await t.test('challenges and their parameters', (t) => {
  t.same(parsed('Bearer realm="https://auth.example/token",service="reg.example",scope="repository:a/b:pull,push"'), [
    ['bearer', { realm: 'https://auth.example/token', service: 'reg.example', scope: 'repository:a/b:pull,push' }],
  ]);
  t.same(parsed('Basic realm="a \\"quoted\\" name", charset=UTF-8'), [
    ['basic', { realm: 'a "quoted" name', charset: 'UTF-8' }],
  ]);
  t.same(parsed('Negotiate, BEARER Realm = x , service=y, Basic realm=""'), [
    ['negotiate', {}],
    ['bearer', { realm: 'x', service: 'y' }],
    ['basic', { realm: '' }],
  ]);
  t.same(parsed(''), []);
  t.same(parsed('realm="no scheme"'), []);
  t.end();
});
