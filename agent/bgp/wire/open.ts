/** OPEN (RFC 4271 §4.2, §6.2; optional parameters: RFC 5492, RFC 9072). */

import {addressFromBytes, bytesOf} from '../../lib/prefix.js';
import {maxTwoOctetAs} from './as-path.js';
import {decodeCapabilities, encodeCapabilities} from './capabilities.js';
import type {WireFault} from './fault.js';
import {encodeMessage} from './frame.js';
import {asTrans, MessageType, OpenParameter} from './iana.js';
import type {Capability, Open} from './message.js';
import {Reader} from './reader.js';
import {octets} from './wording.js';

export type OpenAnswer =
  | {readonly ok: true; readonly message: Open}
  | {readonly ok: false; readonly fault: WireFault};

const supportedVersion = 4;

/**
 * All capabilities in one parameter. An AS number above 65535 stands as AS_TRANS in the header field; the capability
 * that tells it must be among `capabilities`. Throws `RangeError` for what does not fit.
 */
export function encodeOpen(open: Open): Uint8Array {
  const capabilities = encodeCapabilities(open.capabilities);
  return encodeMessage(MessageType.open, (writer) => {
    writer
      .u8(open.version)
      .u16(open.as > maxTwoOctetAs ? asTrans : open.as)
      .u16(open.holdTimeS);
    writer.bytes(bytesOf(open.bgpId));
    if (capabilities.length === 0) {
      writer.u8(0);
    } else if (capabilities.length <= 253) {
      writer.u8Length(() => writer.u8(OpenParameter.capabilities).u8Length(() => writer.bytes(capabilities)));
    } else {
      writer.u8(255).u8(OpenParameter.extendedLength);
      writer.u16Length(() =>
        writer.u8(OpenParameter.capabilities).u16Length(() => writer.bytes(capabilities)),
      );
    }
  });
}

/** Decodes what stands behind the header. */
export function decodeOpen(body: Uint8Array): OpenAnswer {
  const reader = new Reader(body);
  const version = reader.u8();
  if (version !== supportedVersion) return refused({cause: 'unsupported-version', version});
  const twoOctetAs = reader.u16();
  const holdTimeS = reader.u16();
  const bgpId = addressFromBytes('ipv4', Uint8Array.of(reader.u8(), reader.u8(), reader.u8(), reader.u8()));
  const parameters = decodeParameters(reader);
  if (!('capabilities' in parameters)) return refused(parameters);
  const {capabilities} = parameters;
  const as = capabilities.find((capability) => capability.kind === 'four-octet-as')?.as ?? twoOctetAs;
  // RFC 7607 §2
  if (as === 0 || twoOctetAs === 0) return refused({cause: 'bad-peer-as', as: 0, expected: null});
  // RFC 6286 §2.2: anything but 0 is a BGP identifier.
  if (bgpId === '0.0.0.0') return refused({cause: 'bad-bgp-identifier', id: bgpId});
  if (holdTimeS === 1 || holdTimeS === 2) return refused({cause: 'unacceptable-hold-time', holdTimeS});
  return {ok: true, message: {type: 'open', version, as, holdTimeS, bgpId, capabilities}};
}

/** Everything from the length of the optional parameters on. */
function decodeParameters(reader: Reader): {readonly capabilities: readonly Capability[]} | WireFault {
  const {parameters, extended} = parameterField(reader);
  if (reader.overrun) return malformed('the optional parameters end behind the message');
  if (reader.remaining > 0)
    return malformed(`${octets(reader.remaining)} left over behind the optional parameters`);
  const capabilities: Capability[] = [];
  while (parameters.remaining > 0) {
    const type = parameters.u8();
    const value = parameters.sub(extended ? parameters.u16() : parameters.u8());
    if (parameters.overrun) return malformed(`optional parameter ${type} ends behind its field`);
    if (type !== OpenParameter.capabilities) return {cause: 'unsupported-parameter', parameter: type};
    const decoded = decodeCapabilities(value);
    if (typeof decoded === 'string') return malformed(decoded);
    capabilities.push(...decoded);
  }
  return {capabilities};
}

/** RFC 9072 §2: the type 255 in front says that lengths have two octets; the one-octet length is then ignored. */
function parameterField(reader: Reader): {readonly parameters: Reader; readonly extended: boolean} {
  const length = reader.u8();
  if (length === 0 || reader.peek() !== OpenParameter.extendedLength) {
    return {parameters: reader.sub(length), extended: false};
  }
  reader.u8();
  return {parameters: reader.sub(reader.u16()), extended: true};
}

function malformed(reason: string): WireFault {
  return {cause: 'malformed-open', reason};
}

function refused(fault: WireFault): OpenAnswer {
  return {ok: false, fault};
}
