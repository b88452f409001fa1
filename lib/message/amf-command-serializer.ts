import { Stage } from '../stream/stage.ts'
import { type Command, commandMessage, isCommand } from './command.ts'
import type { Message } from './message.ts'

/**
 * Commands become messages again; every Message passes untouched. A Command that nobody touched leaves as the bytes it came
 * as. One that AMF0 cannot say ends it with a TypeError: see Amf0Writer.
 */
export class AmfCommandSerializer extends Stage<Message | Command, Message> {
  constructor() {
    super({ layer: 'message' })
  }

  protected override turn(item: Message | Command): void {
    this.push(isCommand(item) ? commandMessage(item) : item)
  }
}

/**
 * An AmfCommandSerializer: Commands to Messages, Messages as they are. It ends with a TypeError or RangeError for
 * what AMF cannot say.
 */
export const amfCommandSerializer = (): AmfCommandSerializer => new AmfCommandSerializer()
