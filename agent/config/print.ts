/** The whole configuration as it is understood, as YAML that reads again to the same. Secrets are left out. */

import {Document, isMap, isScalar} from 'yaml';
import {checkTypes as builtInCheckTypes} from '../../checks/index.js';
import {formatDuration} from '../lib/duration.js';
import {addressOf, familyOf, lengthOf} from '../lib/prefix.js';
import {type BirdConfig, isUsedBy} from './bird.js';
import type {CheckTypes} from './check-schema.js';
import {explainDetection} from './detection.js';
import type {ExabgpConfig} from './exabgp.js';
import type {FrrConfig} from './frr.js';
import type {GobgpConfig} from './gobgp.js';
import {formatTarget} from './syslog.js';
import type {
  AllowEntry,
  AnnounceBlock,
  AnnounceOverride,
  BfdConfig,
  BgpConfig,
  CheckConfig,
  Config,
  GracefulRestartConfig,
  LogConfig,
  PeerConfig,
  ServiceConfig,
} from './types.js';

type Plain = Record<string, unknown>;

/**
 * One text: the main file's document, then one for each service, so that it can be used as a main file by itself.
 * Passwords from files stay names of files; others are only mentioned, and so are secrets of checks.
 */
export function printConfig(config: Config, checkTypes: CheckTypes = builtInCheckTypes): string {
  const services = config.services.map((service) => printService(service, config, checkTypes));
  return [printMain(config), ...services].join('---\n');
}

function printMain(config: Config): string {
  const document = new Document(mainOf(config));
  document.commentBefore = ' Everything that is in force, defaults included.';
  const confD = document.get('conf_d', true);
  if (config.confD !== null && isScalar(confD))
    confD.comment = ` the services of ${config.confD} follow below`;
  config.bgp?.peers.forEach((peer, i) => {
    const node = document.getIn(['bgp', 'peers', i], true);
    const unshown = [
      ...(peer.password && peer.passwordFile === undefined ? ['password'] : []),
      ...(peer.bfd?.authentication?.file === null ? ['bfd.authentication'] : []),
    ];
    if (unshown.length > 0 && isMap(node)) {
      node.comment = ` ${unshown.join(', ')}: not shown; it is in ${config.file ?? 'the main file'}`;
    }
  });
  return textOf(document);
}

function printService(service: ServiceConfig, config: Config, checkTypes: CheckTypes): string {
  const document = new Document(serviceOf(service, config, checkTypes));
  const detection = service.checks.map((check) => {
    const of = service.checks.length > 1 ? ` of check ${check.name}` : '';
    return ` worst detection time${of}: ${explainDetection(check)}`;
  });
  document.commentBefore = [` from ${service.file}:${service.line}`, ...detection].join('\n');
  return textOf(document);
}

function textOf(document: Document): string {
  return document.toString({lineWidth: 0});
}

function mainOf(config: Config): Plain {
  return {
    ...given('router_id', config.routerId),
    conf_d: false,
    state_dir: config.stateDir,
    control_socket: config.controlSocket,
    ...given('allow', config.allow?.map(allowOf) ?? null),
    on_stop: config.onStop,
    on_crash: config.onCrash,
    settle_timeout: formatDuration(config.settleTimeoutMs),
    stop_timeout: formatDuration(config.stopTimeoutMs),
    step_timeout: formatDuration(config.stepTimeoutMs),
    max_running_checks: config.maxRunningChecks,
    log: logOf(config.log),
    ...given('kernel', config.kernel),
    ...given('bgp', config.bgp && bgpOf(config.bgp)),
    ...given('bird', config.bird && birdOf(config.bird)),
    ...given('frr', config.frr && frrOf(config.frr)),
    ...given('exabgp', config.exabgp && exabgpOf(config.exabgp)),
    ...given('gobgp', config.gobgp && gobgpOf(config.gobgp)),
  };
}

function logOf({syslog, ...log}: LogConfig): Plain {
  return {...log, ...given('syslog', syslog && {...syslog, target: formatTarget(syslog.target)})};
}

function allowOf({prefix, ge, le}: AllowEntry): unknown {
  const longest = familyOf(prefix) === 'ipv4' ? 32 : 128;
  return ge === lengthOf(prefix) && le === longest ? prefix : {prefix, ge, le};
}

function bgpOf(bgp: BgpConfig): Plain {
  return {
    local_as: bgp.localAs,
    ...given('local_address', bgp.localAddress),
    ...given('local_address6', bgp.localAddress6),
    communities: bgp.communities,
    peers: bgp.peers.map(peerOf),
  };
}

function frrOf(frr: FrrConfig): Plain {
  return {
    vtysh: frr.vtysh,
    ...given('local_as', frr.localAs),
    only_configured: frr.onlyConfigured,
    ...given('vty_sockets', frr.vtySockets),
  };
}

function exabgpOf({localAddress6, localAs}: ExabgpConfig): Plain {
  return {...given('local_as', localAs), ...given('local_address6', localAddress6)};
}

function gobgpOf({command, host, port, localAddress6}: GobgpConfig): Plain {
  return {command, host, port, ...given('local_address6', localAddress6)};
}

function birdOf(bird: BirdConfig): Plain {
  const {confirmTimeoutMs, form} = bird;
  const keys: Plain = {
    socket: bird.socket,
    ...given('socket6', bird.socket6),
    form,
    ...given('file', bird.file),
    ...given('file6', bird.file6),
    variable: bird.variable,
    variable6: bird.variable6,
    function: bird.function,
    protocol: bird.protocol,
    dummy: bird.dummy,
    dummy6: bird.dummy6,
    ...given('confirm_timeout', confirmTimeoutMs === null ? null : formatDuration(confirmTimeoutMs)),
    attributes: bird.attributes,
  };
  return Object.fromEntries(Object.entries(keys).filter(([key]) => isUsedBy(form, key)));
}

function peerOf(peer: PeerConfig): Plain {
  return {
    name: peer.name,
    address: peer.address,
    port: peer.port,
    local_as: peer.localAs,
    remote_as: peer.remoteAs,
    ...given('local_address4', peer.localAddress4),
    ...given('local_address6', peer.localAddress6),
    multihop: peer.multihop ?? false,
    families: peer.families,
    hold_time: formatDuration(peer.holdTimeMs),
    connect_retry: formatDuration(peer.connectRetryMs),
    ...given('bfd', peer.bfd && bfdOf(peer.bfd)),
    graceful_restart: restartOf(peer.gracefulRestart),
    ...given('password_file', peer.passwordFile ?? null),
  };
}

function bfdOf(bfd: BfdConfig): Plain {
  return {
    receive_interval: formatDuration(bfd.receiveIntervalMs),
    transmit_interval: formatDuration(bfd.transmitIntervalMs),
    detect_multiplier: bfd.detectMultiplier,
    mode: bfd.mode,
    passive: bfd.passive,
    ...(bfd.mode === 'multihop' && {minimum_ttl: bfd.minimumTtl}),
    graceful: bfd.graceful,
    strict: bfd.strict,
    ...given('authentication', authenticationOf(bfd.authentication)),
  };
}

/** Without the file there would be no password, and what is printed must read again. */
function authenticationOf(authentication: BfdConfig['authentication']): Plain | null {
  if (!authentication || authentication.file === null) return null;
  const {file, keyId, type} = authentication;
  return {type, key_id: keyId, password_file: file};
}

function restartOf(restart: GracefulRestartConfig | undefined): Plain | false {
  if (!restart) return false;
  return {
    enabled: true,
    restart_time: formatDuration(restart.restartTimeMs),
    long_lived: formatDuration(restart.longLivedMs),
  };
}

function serviceOf(service: ServiceConfig, config: Config, checkTypes: CheckTypes): Plain {
  const [only, ...more] = service.checks;
  const isAlone = only !== undefined && more.length === 0;
  return {
    name: service.name,
    enabled: service.enabled,
    prefixes: service.prefixes,
    ...given('addresses', addressesOf(service)),
    ...given('shared', service.shared),
    ...(isAlone
      ? {check: checkOf(only, checkTypes), ...timingOf(only)}
      : {checks: service.checks.map((check) => ({...checkOf(check, checkTypes), ...timingOf(check)}))}),
    require: service.require,
    ...(config.kernel && {kernel: {addresses: service.addressMode, routes: service.kernelRoute}}),
    ...given('disable_file', service.disableFile),
    ...given(
      'maintenance',
      service.maintenance?.map(({schedule, forMs}) => ({schedule, for: formatDuration(forMs)})),
    ),
    drain: {for: formatDuration(service.drain.forMs), ...attributesOf(service.drain.override)},
    announce: service.announce.length === 1 ? blockOf(service.announce[0]) : service.announce.map(blockOf),
    ...given('when_degraded', service.whenDegraded && attributesOf(service.whenDegraded)),
    when_down:
      service.whenDown === 'withdraw'
        ? 'withdraw'
        : {from_start: service.whenDown.fromStart, ...attributesOf(service.whenDown.override)},
  };
}

/** Those that `addresses:` adds: host prefixes go on the interface by themselves. */
function addressesOf({addresses, prefixes}: ServiceConfig): readonly string[] | null {
  const own = new Set(prefixes);
  const added = addresses.filter((address) => !own.has(address)).map(addressOf);
  return added.length > 0 ? added : null;
}

function checkOf({name, type, options}: CheckConfig, checkTypes: CheckTypes): Plain {
  // The check type's own schema has accepted the options as an object.
  const shown = checkTypes.get(type)?.withoutSecrets?.(options as object) ?? (options as object);
  return {...(name !== type && {name}), type, ...shown};
}

function timingOf(check: CheckConfig): Plain {
  return {
    ...(check.schedule === null ? {interval: formatDuration(check.intervalMs)} : {schedule: check.schedule}),
    fast_interval: formatDuration(check.fastIntervalMs),
    timeout: formatDuration(check.timeoutMs),
    rise: check.rise,
    fall: check.fall,
    on_error: check.onError,
    error_limit: formatDuration(check.errorLimitMs),
  };
}

function blockOf(block: AnnounceBlock | undefined): Plain {
  return block ? {...attributesOf(block), ...given('aggregate', block.aggregate)} : {};
}

function attributesOf(attributes: AnnounceOverride): Plain {
  return {
    ...given('via', attributes.via),
    ...given('peers', attributes.peers),
    ...given('next_hop', attributes.nextHop),
    ...given('med', attributes.med),
    ...given('local_preference', attributes.localPreference),
    ...given('communities', attributes.communities),
    ...given('as_path_prepend', attributes.asPathPrepend),
  };
}

/** A key with its value; none where there is no value. */
function given(key: string, value: unknown): Plain {
  return value === null || value === undefined ? {} : {[key]: value};
}
