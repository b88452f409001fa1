import { type AmfObject, type AmfValue, propertiesOf } from '../amf/amf-value.ts'
import { Refused } from '../errors.ts'
import { type Command, error, result } from '../message/command.ts'
import type { ConnectStatus } from '../status.ts'
import { Request } from './request.ts'
import { connectPath } from './stream-path.ts'

/** A peer wants to connect to an app (RTMP 1.0, 7.2.1.1). Nobody need listen: then it may. */
export class Connect extends Request {
  /**
   * The app, from `app` or else from the path of `tcUrl`, without its query and without slashes at either end:
   * `live`.
   */
  readonly app: string
  /** The URL that the peer says it connects to; empty where it says none. */
  readonly tcUrl: string
  /** What stood behind a `?` in app or tcUrl, unescaped; see StreamPath. */
  readonly query: URLSearchParams
  /** The same as it came. */
  readonly rawQuery: string
  /** The command object, as it was sent: flashVer, type, fourCcList ... */
  readonly info: AmfObject
  /** What was sent behind the command object (errata 8.1.5). */
  readonly args: readonly AmfValue[]
  /** Who it is, once that is known: authenticate() sets it, and so may an application that finds out in a way of its own. */
  user: string | undefined
  readonly #command: Command
  readonly #answer: (answer: Command) => void
  #properties: AmfObject = {}

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
    // what it was read from goes: it lies in a block of memory with others
    this.#command = { ...command, args: [] }
    this.#answer = answer
  }

  /** Lets it connect; `properties` are added to the information object of the answer. */
  accept(properties: AmfObject = {}): void {
    this.take()
    this.#properties = properties
  }

  /**
   * Refuses it, with `NetConnection.Connect.Rejected` unless told; the connection is closed.
   * @throws TypeError when it is decided already.
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
    this.#answer(result(this.#command, { fmsVer: 'FMS/3,0,1,123', capabilities: 31 }, information))
  }

  protected override refused({ status, description }: Refused): void {
    this.#answer(error(this.#command, null, { level: 'error', code: status, description }))
  }
}
