import type { AmfObject } from '../amf/amf-value.ts'
import { type Command, createCommand } from '../message/command.ts'
import type { ConnectStatus } from '../status.ts'
import { textOf } from './information.ts'

/** Options of `session.requestReconnect()`. */
export interface ReconnectOptions {
  /**
   * The URL of the app to connect to, absolute or relative to the one that the peer is connected to: `rtmp://b.example/live`,
   * `//b.example/live`, `/live`. If absent, the current one.
   */
  readonly tcUrl?: string
  /** Text for people. */
  readonly description?: string
}

/** The request of a server to reconnect (Enhanced RTMP v2, "Reconnect Request"). */
export interface ReconnectRequest {
  /** The absolute URL of the app to connect to. Undefined for that of this connection. */
  readonly tcUrl: string | undefined
  /** Text for people; may be empty. */
  readonly description: string
}

const CODE: ConnectStatus = 'NetConnection.Connect.ReconnectRequest'

/** @throws TypeError for a tcUrl that is neither absolute nor relative to `base`. */
export function reconnectCommand({ tcUrl, description }: ReconnectOptions, base: string): Command {
  // a peer may have connected without a tcUrl
  if (tcUrl !== undefined && resolved(tcUrl, base || 'rtmp://host/') === undefined)
    throw new TypeError(`tcUrl ${tcUrl} is neither a URL nor relative to one`)
  const told = { ...(tcUrl !== undefined && { tcUrl }), ...(description !== undefined && { description }) }
  return createCommand('onStatus', 0, [null, { level: 'status', code: CODE, ...told }])
}

/** Undefined if the information object is not a request to reconnect, or its tcUrl cannot be resolved. */
export function readReconnectRequest(information: AmfObject, base: string): ReconnectRequest | undefined {
  if (information.code !== CODE) return undefined
  const description = textOf(information.description)
  const { tcUrl = '' } = information
  if (tcUrl === '' || tcUrl === null) return { tcUrl: undefined, description }
  const url = resolved(textOf(tcUrl), base)
  return url === undefined ? undefined : { tcUrl: url, description }
}

/** An absolute URL stays as it is: URL would escape it. */
function resolved(reference: string, base: string): string | undefined {
  if (!URL.canParse(reference, base) || reference === '') return undefined
  return URL.canParse(reference) ? reference : new URL(reference, base).href
}
