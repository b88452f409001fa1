#!/usr/bin/env node
import { createRequire } from 'node:module'
import { said } from './log.ts'
import * as fix from './subcommands/fix.ts'
import * as inspect from './subcommands/inspect.ts'
import * as play from './subcommands/play.ts'
import * as proxy from './subcommands/proxy.ts'
import * as publish from './subcommands/publish.ts'
import * as relay from './subcommands/relay.ts'
import * as serve from './subcommands/serve.ts'
import { advise, say } from './terminal.ts'
import { HelpWanted, UnknownOption, UsageError, withoutSecrets } from './words.ts'

const subcommands = { serve, play, publish, relay, proxy, inspect, fix }

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === undefined || ['help', '--help', '-h'].includes(name)) return say(help())
  if (name === '--version') return say(createRequire(import.meta.url)('../../../package.json').version)
  if (!Object.hasOwn(subcommands, name))
    throw new UsageError(
      `unknown command ${name}; commands: ${Object.keys(subcommands).join(', ')}; see rtmpipe --help`
    )
  const subcommand = subcommands[name as keyof typeof subcommands]
  try {
    await subcommand.run(args)
  } catch (error) {
    if (error instanceof UnknownOption) throw new UsageError(`${error.message}; see rtmpipe ${name} --help`)
    if (!(error instanceof HelpWanted)) throw error
    say(subcommand.help)
  }
}

function help(): string {
  const all = Object.values(subcommands).map(subcommand => subcommand.help)
  return [...all, 'rtmpipe --help, rtmpipe --version'].join('\n\n')
}

/** The advice for an error, if there is one. */
const remedies: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: '; use -k to accept it',
  ERR_RTMP_FLV_HEADER:
    '; only FLV is supported; to publish another file: ffmpeg -i FILE -c copy -f flv - | rtmpipe publish - URL'
}

/** The message of an error, with advice. */
const told = (error: NodeJS.ErrnoException): string => `${said(error)}${remedies[error.code ?? ''] ?? ''}`

// the reader of our output may have closed it
process.stdout.on('error', () => process.exit(0))

try {
  await main(process.argv.slice(2))
  process.exit(0)
} catch (error) {
  advise(withoutSecrets(told(error as NodeJS.ErrnoException), process.argv.slice(2)))
  process.exit(error instanceof UsageError ? 2 : 1)
}
