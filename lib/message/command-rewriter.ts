import { type AmfObject, propertiesOf } from '../amf/amf-value.ts'
import { Stage } from '../stream/stage.ts'
import { type Command, isCommand } from './command.ts'
import type { Message } from './message.ts'

/** The functions of a CommandRewriter. */
export interface CommandRewrites {
  /** Returns the command object that replaces that of a connect: `app`, `tcUrl` and others (RTMP 1.0, 7.2.1.1). */
  connect?(info: AmfObject): AmfObject | Promise<AmfObject>
  /** Returns the name that replaces a stream's, in publish, play and the commands around them. */
  name?(name: string, command: string): string | Promise<string>
}

/** Commands with a stream name after the command object. */
const NAMING: ReadonlySet<string> = new Set([
  'publish',
  'play',
  'releaseStream',
  'FCPublish',
  'FCUnpublish',
  'FCSubscribe',
  'FCUnsubscribe',
  'getStreamLength'
])

/**
 * Rewrites Commands on their way to another peer: after an AmfCommandParser, before an AmfCommandSerializer. The
 * functions may be asynchronous (a database). Unchanged Commands and Messages pass as they are; an error that a
 * function throws, such as a Refused, ends it.
 */
export class CommandRewriter extends Stage<Message | Command, Message | Command> {
  readonly #rewrites: CommandRewrites

  constructor(rewrites: CommandRewrites) {
    super({ layer: 'message' })
    this.#rewrites = rewrites
  }

  protected override turn(item: Message | Command): void | Promise<void> {
    const { connect, name } = this.#rewrites
    if (isCommand(item) && item.name === 'connect' && connect) return this.#connect(item, connect)
    if (isCommand(item) && NAMING.has(item.name) && name) return this.#rename(item, name)
    this.push(item)
  }

  async #connect(item: Command, other: (info: AmfObject) => AmfObject | Promise<AmfObject>): Promise<void> {
    const [info, ...rest] = item.args
    this.push({ ...item, args: [await other(propertiesOf(info) ?? {}), ...rest] })
  }

  async #rename(item: Command, other: (name: string, command: string) => string | Promise<string>): Promise<void> {
    const [info, name, ...rest] = item.args
    const renamed = typeof name === 'string' ? await other(name, item.name) : name
    this.push(renamed === name ? item : { ...item, args: [info, renamed, ...rest] })
  }
}

/** A CommandRewriter: Commands and Messages, rewritten. It ends with what the functions throw. */
export const commandRewriter = (rewrites: CommandRewrites): CommandRewriter => new CommandRewriter(rewrites)
