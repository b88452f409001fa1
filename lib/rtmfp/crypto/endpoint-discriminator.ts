import { ByteWriter } from '../../bytes/byte-writer.ts'
import { readOptions, writeOption } from '../wire/option.ts'
import type { Certificate } from './certificate.ts'

/** Whom an IHello is for (RFC 7425, 4.4). */
export interface EndpointDiscriminator {
  /** The peer id of the endpoint: it decides alone. */
  readonly fingerprint?: Buffer | undefined
  /** The name that its certificate must have. */
  readonly hostname?: Buffer | undefined
  /** A URI, for a certificate that accepts it: what a client wants of a server. */
  readonly ancillaryData?: Buffer | undefined
}

/** The option types of discriminators (RFC 7425, 4.4.2). */
const DiscriminatorOption = { Hostname: 0x00, AncillaryData: 0x0a, Fingerprint: 0x0f } as const

/** Reads a discriminator; of an option that is there twice the last counts. @throws ProtocolError `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`. */
export function readDiscriminator(bytes: Buffer): EndpointDiscriminator {
  const values = new Map(readOptions(bytes).map(option => [option?.type, option?.value]))
  return {
    fingerprint: values.get(DiscriminatorOption.Fingerprint),
    hostname: values.get(DiscriminatorOption.Hostname),
    ancillaryData: values.get(DiscriminatorOption.AncillaryData)
  }
}

/** The bytes of a discriminator. That of a fingerprint alone is the canonical one of its endpoint (RFC 7425, 4.4.4). */
export function writeDiscriminator({ fingerprint, hostname, ancillaryData }: EndpointDiscriminator): Buffer {
  const writer = new ByteWriter()
  const write = (type: number, value: Buffer | undefined) => {
    if (value !== undefined) writeOption(writer, { type, value })
  }
  write(DiscriminatorOption.Fingerprint, fingerprint)
  write(DiscriminatorOption.AncillaryData, ancillaryData)
  write(DiscriminatorOption.Hostname, hostname)
  return writer.done()
}

/** Whether a discriminator selects the endpoint of a certificate (RFC 7425, 4.4.3); an empty one selects nobody. */
export function selects(discriminator: EndpointDiscriminator, certificate: Certificate): boolean {
  const { fingerprint, hostname, ancillaryData } = discriminator
  if (fingerprint !== undefined) return fingerprint.equals(certificate.fingerprint)
  if (hostname !== undefined && !certificate.hostname?.equals(hostname)) return false
  if (ancillaryData !== undefined && !certificate.acceptsAncillaryData) return false
  return hostname !== undefined || ancillaryData !== undefined
}
