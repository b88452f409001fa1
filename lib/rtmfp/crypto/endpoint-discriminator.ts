import { ByteWriter } from '../../bytes/byte-writer.ts'
import { readOptions, writeOption } from '../wire/option.ts'
import type { Certificate } from './certificate.ts'

/** Selects the endpoint that an IHello is for (RFC 7425, 4.4). */
export interface EndpointDiscriminator {
  /** The peer id of the endpoint. If it is present, the other fields are ignored. */
  readonly fingerprint?: Buffer | undefined
  /** The name that its certificate must have. */
  readonly hostname?: Buffer | undefined
  /** The URI that a client connects to, for a certificate that accepts one. */
  readonly ancillaryData?: Buffer | undefined
}

/** The option types of discriminators (RFC 7425, 4.4.2). */
const DiscriminatorOption = { Hostname: 0x00, AncillaryData: 0x0a, Fingerprint: 0x0f } as const

/** Reads a discriminator. Of a repeated option the last one counts. @throws ProtocolError `ERR_RTMP_VLU`, `ERR_RTMP_TRUNCATED`. */
export function readDiscriminator(bytes: Buffer): EndpointDiscriminator {
  const values = new Map(readOptions(bytes).map(option => [option?.type, option?.value]))
  return {
    fingerprint: values.get(DiscriminatorOption.Fingerprint),
    hostname: values.get(DiscriminatorOption.Hostname),
    ancillaryData: values.get(DiscriminatorOption.AncillaryData)
  }
}

/** The bytes of a discriminator. One with a fingerprint alone is canonical (RFC 7425, 4.4.4). */
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
