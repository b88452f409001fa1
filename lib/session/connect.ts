import { type AmfObject, type AmfValue, propertiesOf } from '../amf/amf-value.ts'
import { Refused } from '../errors.ts'
import { type Command, errorCommand, resultCommand } from '../message/command.ts'
import type { ConnectStatus } from '../status.ts'
import { Capabilities, type CapabilitiesOptions, FORWARDS_ALL, statedBy } from './capabilities.ts'
import { Request } from './request.ts'
import { connectPath } from './stream-path.ts'

/** What a server states. */
const RELAYS_ALL: CapabilitiesOptions = { ...FORWARDS_ALL, reconnect: true }

/** A request to connect to an application (RTMP 1.0, 7.2.1.1). Without a listener it is accepted. */
export class Connect extends Request {
  /**
   * The app, from `app` or else from the path of `tcUrl`, without its query and without slashes at either end:
   * `live`.
   */
  readonly app: string
  /** The URL the peer connects to, as it sent it; empty if it sent none. */
  readonly tcUrl: string
  /** The query of app or tcUrl, parsed; see StreamPath. */
  readonly query: URLSearchParams
  /** The query as received. */
  readonly rawQuery: string
  /** The command object as received: flashVer, type, fourCcList and others. */
  readonly info: AmfObject
  /** The arguments after the command object (errata 8.1.5). */
  readonly args: readonly AmfValue[]
  /** The authenticated user. authenticate() sets it, and an application with its own authentication may too. */
  user: string | undefined
  readonly #command: Command
  readonly #answer: (answer: Command) => void
  #properties: AmfObject = {}
  #capabilities: Capabilities | undefined

  constructor(command: Command, answer: (answer: Command) => void) {
    super()
    const [info, ...args] = command.args
    this.info = propertiesOf(info) ?? {}
    this.args = args
    const { app, tcUrl, query, rawQuery } = connectPath(this.info)
    this.app = app
    this.tcUrl = tcUrl
    this.query = query
    this.rawQuery = rawQuery
    // keeps no arguments: they are views of a larger block of memory
    this.#command = { ...command, args: [] }
    this.#answer = answer
  }

  /** The capabilities that the peer states; OBS and GStreamer state none. */
  get capabilities(): Capabilities {
    this.#capabilities ??= new Capabilities(this.info)
    return this.#capabilities
  }

  /**
   * Accepts it; `properties` are added to the information object of the answer. So are the capabilities of the server (Enhanced RTMP v2):
   * that it forwards any codec, with several tracks, ModEx and requests to reconnect; `{}` states none.
   * @throws TypeError for invalid capabilities, or when it is already decided.
   */
  accept(properties: AmfObject = {}, capabilities: CapabilitiesOptions = RELAYS_ALL): void {
    const stated = statedBy(capabilities)
    this.take()
    this.#properties = { ...stated, ...properties }
  }

  /**
   * Refuses it, with `NetConnection.Connect.Rejected` by default; the connection is closed.
   * @throws TypeError when it is already decided.
   */
  reject(status: ConnectStatus = 'NetConnection.Connect.Rejected', description = 'refused'): void {
    if (!this.refuse(new Refused(status, description))) throw new TypeError('request is already decided')
  }

  protected override granted(): void {
    const information = {
      level: 'status',
      code: 'NetConnection.Connect.Success',
      description: 'connected',
      objectEncoding: this.info.objectEncoding === 3 ? 3 : 0,
      ...this.#properties
    }
    this.#answer(resultCommand(this.#command, { fmsVer: 'FMS/3,0,1,123', capabilities: 31 }, information))
  }

  protected override refused({ status, description }: Refused): void {
    this.#answer(errorCommand(this.#command, null, { level: 'error', code: status, description }))
  }
}
