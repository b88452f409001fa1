import type { Readable } from 'node:stream'

/** Everything a stream gives until its end. Unlike toArray() it leaves the other half of a Duplex alive. */
export const collect = <Item>(stream: Readable): Promise<Item[]> =>
  new Promise((resolve, reject) => {
    const items: Item[] = []
    stream.on('data', item => items.push(item))
    stream.once('end', () => resolve(items))
    stream.once('error', reject)
  })
