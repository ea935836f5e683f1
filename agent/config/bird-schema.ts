/** The main file's `bird:` block. */

import {resolve} from 'node:path';
import {z} from 'zod';
import {type BirdConfig, birdDefaults, birdProblems, isUsedBy} from './bird.js';
import {key, Section} from './section.js';
import type {Value} from './value.js';
import {duration, network, text} from './values.js';

const birdKeys = {
  socket: key(text),
  socket6: key(text),
  form: key(z.enum(['define', 'function', 'static', 'protocol'])),
  file: key(text),
  file6: key(text),
  variable: key(text),
  variable6: key(text),
  function: key(text),
  protocol: key(text),
  dummy: key(network),
  dummy6: key(network),
  confirm_timeout: key(duration(1000)),
  attributes: key(z.enum(['error', 'ignore'])),
};

/** Paths are relative to `folder`. */
export function readBird(value: Value, folder: string): BirdConfig {
  const section = new Section(value, birdKeys, {isUsefulEmpty: true});
  const path = (name: 'socket' | 'socket6' | 'file' | 'file6'): string | null => {
    const given = section.get(name);
    return given === undefined ? null : resolve(folder, given);
  };
  const config: BirdConfig = {
    socket: path('socket') ?? birdDefaults.socket,
    socket6: path('socket6'),
    form: section.get('form') ?? birdDefaults.form,
    file: path('file'),
    file6: path('file6'),
    variable: section.get('variable') ?? birdDefaults.variable,
    variable6: section.get('variable6') ?? birdDefaults.variable6,
    function: section.get('function') ?? birdDefaults.function,
    protocol: section.get('protocol') ?? birdDefaults.protocol,
    dummy: section.get('dummy') ?? (birdDefaults.dummy as BirdConfig['dummy']),
    dummy6: section.get('dummy6') ?? (birdDefaults.dummy6 as BirdConfig['dummy6']),
    confirmTimeoutMs: section.get('confirm_timeout') ?? null,
    attributes: section.get('attributes') ?? birdDefaults.attributes,
  };
  const sound = Object.keys(birdKeys) as (keyof typeof birdKeys)[];
  for (const name of section.isSound('form') ? sound : []) {
    if (!section.has(name) || isUsedBy(config.form, name)) continue;
    section.at(name).warning(`means nothing with \`form: ${config.form}\``);
  }
  if (section.isSound(...sound)) for (const problem of birdProblems(config)) value.error(problem);
  return config;
}
