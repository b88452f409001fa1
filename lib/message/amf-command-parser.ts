import type { AmfReaderOptions } from '../amf/amf-bounds.ts'
import { Stage } from '../stream/stage.ts'
import { type Command, isCommandType, readCommand } from './command.ts'
import type { Message } from './message.ts'

/** Options of AmfCommandParser. */
export type AmfCommandParserOptions = AmfReaderOptions

/**
 * Command messages (types 20 and 17) become Commands; every other Message passes unchanged. An invalid command ends it
 * with `ERR_RTMP_COMMAND` or `ERR_RTMP_AMF_*`.
 */
export class AmfCommandParser extends Stage<Message, Message | Command> {
  readonly #options: AmfCommandParserOptions

  constructor(options: AmfCommandParserOptions = {}) {
    super({ layer: 'message' })
    this.#options = options
  }

  protected override turn(message: Message): void {
    this.push(isCommandType(message.type) ? readCommand(message, this.#options) : message)
  }
}

/**
 * An AmfCommandParser: Messages of types 20 and 17 to Commands, all others unchanged. It ends with `ERR_RTMP_COMMAND`
 * or `ERR_RTMP_AMF_*`.
 */
export const amfCommandParser = (options?: AmfCommandParserOptions): AmfCommandParser => new AmfCommandParser(options)
