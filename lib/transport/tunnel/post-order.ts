/** How far ahead of its turn a post may come, and how many posts may wait in all, repeated ones among them. */
const AHEAD = 4
const HELD = 8

/**
 * The posts of one tunnel session, which may come by several connections, put in the order of their sequence numbers: 0 is the
 * first behind `open`. It knows nothing of what a post is.
 */
export class PostOrder<Post> {
  #next = 0
  #held: { sequence: number; post: Post }[] = []

  /**
   * Takes a post in. `'held'` if it waits for its turn, which may be now, `'again'` if its number is that of the last one done, and
   * `'off'` if it is further away than posts go astray.
   */
  place(sequence: number, post: Post): 'held' | 'again' | 'off' {
    if (sequence === this.#next - 1) return 'again'
    if (sequence < this.#next || sequence > this.#next + AHEAD || this.#held.length === HELD) return 'off'
    this.#held.push({ sequence, post })
    return 'held'
  }

  /** The post whose turn it is, which is no longer held; undefined if it has not come. */
  due(): Post | undefined {
    const at = this.#held.findIndex(({ sequence }) => sequence === this.#next)
    return at < 0 ? undefined : this.#held.splice(at, 1)[0]!.post
  }

  /** The post whose turn it was is done. Gives those that repeat it. */
  done(): Post[] {
    const done = this.#next++
    return this.#leave(({ sequence }) => sequence === done)
  }

  /** Lets a post go, if it is held: its connection has closed. */
  drop(post: Post): void {
    this.#leave(held => held.post === post)
  }

  /** Lets all posts go. */
  clear(): Post[] {
    return this.#leave(() => true)
  }

  #leave(goes: (held: { sequence: number; post: Post }) => boolean): Post[] {
    const going = this.#held.filter(goes)
    this.#held = this.#held.filter(held => !going.includes(held))
    return going.map(({ post }) => post)
  }
}
