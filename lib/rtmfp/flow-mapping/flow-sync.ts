import { type Message, MessageTypeId } from '../../message/message.ts'
import { readUserControlEvent, type UserControlEvent } from '../../message/user-control-event.ts'

/** A FlowSync event: `count` flows wait for each other. */
export type FlowSync = Extract<UserControlEvent, { kind: 'FlowSync' }>

/** The FlowSync event in a message; undefined for any other message. */
export function readFlowSync({ type, payload }: Message): FlowSync | undefined {
  if (type !== MessageTypeId.UserControl) return undefined
  const event = readUserControlEvent(payload)
  return event.kind === 'FlowSync' ? event : undefined
}

/** Flows that wait until as many FlowSync messages of an id were received as each of them states (RFC 7425, 5.3.4.2). */
export class FlowSyncs<Flow> {
  readonly #waiting = new Map<number, { count: number; readonly flows: Set<Flow> }>()
  readonly #held = new Set<Flow>()
  readonly #max: number

  /** `max` ids are waited for at a time: a further one ends the wait for the oldest. */
  constructor(max: number) {
    this.#max = max
  }

  holds(flow: Flow): boolean {
    return this.#held.has(flow)
  }

  /** A FlowSync message was received on a flow, which waits for the others if `isHeld`. Whether a wait has ended. */
  add({ syncId: id, count }: Pick<FlowSync, 'syncId' | 'count'>, flow: Flow, isHeld: boolean): boolean {
    const sync = this.#waiting.get(id) ?? { count: 0, flows: new Set() }
    sync.count++
    if (isHeld) {
      sync.flows.add(flow)
      this.#held.add(flow)
    }
    this.#waiting.set(id, sync)
    const [first] = this.#waiting.keys()
    const over = sync.count >= count ? id : this.#waiting.size > this.#max ? first : undefined
    if (over !== undefined) this.#release(over)
    return over !== undefined
  }

  /** A flow is over. */
  remove(flow: Flow): void {
    if (this.#held.delete(flow)) for (const { flows } of this.#waiting.values()) flows.delete(flow)
  }

  #release(id: number): void {
    for (const flow of this.#waiting.get(id)!.flows) this.#held.delete(flow)
    this.#waiting.delete(id)
  }
}
