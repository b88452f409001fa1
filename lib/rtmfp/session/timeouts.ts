/** An object with a timeout; Infinity for never. */
interface Timed {
  nextTimeout(): number
}

interface Slot<Entry> {
  readonly entry: Entry
  at: number
  index: number
}

/**
 * Entries by their next timeout: a binary heap that has each entry once. An entry whose timeout becomes later is not moved until its earlier
 * timeout comes, so a timeout that each packet postpones costs one comparison.
 */
export class Timeouts<Entry extends Timed> {
  readonly #heap: Slot<Entry>[] = []
  readonly #slots = new Map<Entry, Slot<Entry>>()

  /** When to call `take`, at the latest; Infinity for never. */
  get next(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
  }

  /** Adds an entry, or moves one whose timeout has become earlier. */
  expect(entry: Entry): void {
    const at = entry.nextTimeout()
    const slot = this.#slots.get(entry)
    if (slot === undefined) {
      if (at < Number.POSITIVE_INFINITY) this.#add({ entry, at, index: this.#heap.length })
    } else if (at < slot.at) {
      slot.at = at
      this.#up(slot)
    }
  }

  delete(entry: Entry): void {
    const slot = this.#slots.get(entry)
    if (slot !== undefined) this.#remove(slot)
  }

  /** Removes the entries whose timeouts may be due, the earliest first. The caller calls `expect` for each again. */
  take(now: number): Entry[] {
    const due: Entry[] = []
    for (let slot = this.#heap[0]; slot !== undefined && slot.at <= now; slot = this.#heap[0]) {
      this.#remove(slot)
      due.push(slot.entry)
    }
    return due
  }

  #add(slot: Slot<Entry>): void {
    this.#slots.set(slot.entry, slot)
    this.#heap.push(slot)
    this.#up(slot)
  }

  #remove(slot: Slot<Entry>): void {
    this.#slots.delete(slot.entry)
    const last = this.#heap.pop()!
    if (last === slot) return
    this.#put(last, slot.index)
    this.#up(last)
    this.#down(last)
  }

  #put(slot: Slot<Entry>, index: number): void {
    this.#heap[index] = slot
    slot.index = index
  }

  #up(slot: Slot<Entry>): void {
    while (slot.index > 0) {
      const parent = this.#heap[(slot.index - 1) >> 1]!
      if (parent.at <= slot.at) return
      this.#swap(slot, parent)
    }
  }

  #down(slot: Slot<Entry>): void {
    for (;;) {
      const left = this.#heap[2 * slot.index + 1]
      const right = this.#heap[2 * slot.index + 2]
      const child = right !== undefined && right.at < left!.at ? right : left
      if (child === undefined || slot.at <= child.at) return
      this.#swap(slot, child)
    }
  }

  #swap(one: Slot<Entry>, other: Slot<Entry>): void {
    const { index } = one
    this.#put(one, other.index)
    this.#put(other, index)
  }
}
