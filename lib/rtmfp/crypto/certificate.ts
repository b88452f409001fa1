import { createHash, randomBytes } from 'node:crypto'
import { ByteReader } from '../../bytes/byte-reader.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { ProtocolError } from '../../errors.ts'
import { type Option, readOption, writeOption } from '../wire/option.ts'
import { type GroupKey, readGroup, readGroupKey, writeGroup, writeGroupKey } from './group-key.ts'

/** The certificate of an endpoint (RFC 7425, 4.3). It is not signed: the owner of a static one is whoever has its private keys. */
export interface Certificate {
  /** The whole certificate, as it is sent. */
  readonly bytes: Buffer
  /** SHA-256 of its canonical section, 32 bytes: the peer id (RFC 7425, 4.3.2). */
  readonly fingerprint: Buffer
  /** The name that a discriminator may require; undefined if it has none. */
  readonly hostname: Buffer | undefined
  /** Whether discriminators may contain a URI for its owner, a server. */
  readonly acceptsAncillaryData: boolean
  /** Of an ephemeral certificate: the groups in which its owner makes keys, the preferred one first. Otherwise empty. */
  readonly ephemeralGroups: readonly number[]
  /** Of a static certificate: the public keys of its owner, the preferred one first. Otherwise empty. */
  readonly staticKeys: readonly GroupKey[]
}

/** The option types of certificates (RFC 7425, 4.3.3). */
const CertificateOption = {
  Hostname: 0x00,
  AcceptsAncillaryData: 0x0a,
  ExtraRandomness: 0x0e,
  EphemeralGroup: 0x15,
  StaticKey: 0x1d
} as const

/** Certificates of known programs have up to 1000 bytes. A session keeps the certificate of its peer. */
const MAX_LENGTH = 8192
/** Random bytes, which make the fingerprint of an ephemeral certificate unique. */
const RANDOMNESS_LENGTH = 32

/**
 * Reads a certificate. Only its canonical section is read, which ends with the first Marker and which the fingerprint is of.
 * @throws ProtocolError `ERR_RTMP_RTMFP_KEYING`, `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`.
 */
export function readCertificate(bytes: Buffer): Certificate {
  if (bytes.length > MAX_LENGTH) throw invalid(`certificate of ${bytes.length} bytes`)
  const { options, end } = canonicalOptions(bytes)
  const values = (type: number) => options.filter(option => option.type === type).map(({ value }) => value)
  const hostnames = values(CertificateOption.Hostname)
  const ephemeralGroups = values(CertificateOption.EphemeralGroup).map(readGroup)
  const staticKeys = values(CertificateOption.StaticKey).map(readGroupKey)
  if (hostnames.length > 1) throw invalid('certificate has two hostnames')
  if (ephemeralGroups.length > 0 === staticKeys.length > 0) {
    throw invalid('certificate must be either ephemeral or static')
  }
  return {
    bytes,
    fingerprint: createHash('sha256').update(bytes.subarray(0, end)).digest(),
    hostname: hostnames[0],
    acceptsAncillaryData: values(CertificateOption.AcceptsAncillaryData).length > 0,
    ephemeralGroups,
    staticKeys
  }
}

function canonicalOptions(bytes: Buffer): { options: Option[]; end: number } {
  const reader = new ByteReader(bytes, 'rtmfp')
  const options: Option[] = []
  let end: number | undefined
  while (reader.left > 0) {
    const option = readOption(reader)
    if (option === undefined) end ??= reader.offset
    else if (end === undefined) options.push(option)
  }
  return { options, end: end ?? bytes.length }
}

/** The fields that writeCertificate writes; the rest of a Certificate follows from them. */
export type CertificateFields = Partial<
  Pick<Certificate, 'hostname' | 'acceptsAncillaryData' | 'ephemeralGroups' | 'staticKeys'>
>

/** The bytes of a certificate. Those of an ephemeral one differ at each call. */
export function writeCertificate(fields: CertificateFields): Buffer {
  const { hostname, acceptsAncillaryData = false, ephemeralGroups = [], staticKeys = [] } = fields
  const writer = new ByteWriter()
  const write = (type: number, value: Buffer) => writeOption(writer, { type, value })
  if (hostname !== undefined) write(CertificateOption.Hostname, hostname)
  if (acceptsAncillaryData) write(CertificateOption.AcceptsAncillaryData, Buffer.alloc(0))
  for (const group of ephemeralGroups) write(CertificateOption.EphemeralGroup, writeGroup(group))
  for (const key of staticKeys) write(CertificateOption.StaticKey, writeGroupKey(key))
  if (ephemeralGroups.length > 0) write(CertificateOption.ExtraRandomness, randomBytes(RANDOMNESS_LENGTH))
  return writer.done()
}

/** Whether this endpoint stays the initiator when two open a session to each other at the same time (RFC 7425, 4.3.6). */
export const winsGlare = (near: Certificate, far: Certificate): boolean => Buffer.compare(near.bytes, far.bytes) <= 0

/** Whether the owner of `certificate` may replace a session of `other` at its address (RFC 7425, 4.3.7). */
export const overrides = (certificate: Certificate, other: Certificate): boolean =>
  certificate.bytes.equals(other.bytes)

const invalid = (detail: string) => new ProtocolError('ERR_RTMP_RTMFP_KEYING', { layer: 'rtmfp', detail })
