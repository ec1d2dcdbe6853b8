import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { ConfigError } from '../config/config-error.ts'
import type { RedisPlace } from '../config/environment/environment.ts'

/*
 * Connections to Redis that outlive a failover. A former primary that lives on as a replica answers, but refuses: its
 * connections are closed and opened again, so that the address, the Sentinels or the cluster can name another server.
 * A password that is exchanged in its file is read again at each new connection.
 */

export type RedisClient = Redis | Cluster
/** What its answers look like is left as it is. */
type Options = Omit<RedisOptions, 'replyMapping'>

/** Refusals that another connection may end: another server, a server that has loaded its data, another password. */
const refusals = /\b(READONLY|LOADING|CLUSTERDOWN|MASTERDOWN|NOAUTH|WRONGPASS|UNBLOCKED|NOREPLICAS|NOMASTERLINK)\b/

const connectTimeoutMs = 5_000
/** Longer than a worker asks Redis to wait for a job (10 s): a server that says nothing for so long is gone. */
const silenceMs = 12_000

/** Pure: the pause before the next connection. */
function pauseMs(times: number): number {
  return Math.min(200 * times, 1_000)
}

/** Opens a connection and keeps it. `more` says how commands behave while it is not there. */
export function openRedis(
  place: RedisPlace,
  more: Pick<RedisOptions, 'enableOfflineQueue' | 'maxRetriesPerRequest' | 'commandTimeout'>,
  onError: (error: Error) => void,
): RedisClient {
  const addresses = addressesOf(place)
  const [first] = addresses
  if (first === undefined) throw new ConfigError('the environment', ['REDIS_URL: has no address'])
  const { enableOfflineQueue = true, ...perRequest } = more
  const options: Options = {
    ...perRequest,
    ...loginOf(first),
    ...(first.protocol === 'rediss:' ? { tls: place.ca === undefined ? {} : { ca: place.ca } } : {}),
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    keepAlive: connectTimeoutMs,
    reconnectOnError: (error) => refusals.test(error.message),
  }
  return keep(open(place, addresses, options, enableOfflineQueue), place, onError)
}

function open(
  place: RedisPlace,
  addresses: readonly URL[],
  options: Options,
  enableOfflineQueue: boolean,
): RedisClient {
  const nodes = addresses.map(({ hostname, port }) => ({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }))
  if (place.mode === 'cluster') {
    const cluster = {
      redisOptions: options,
      enableOfflineQueue,
      clusterRetryStrategy: pauseMs,
      slotsRefreshTimeout: connectTimeoutMs,
      slotsRefreshInterval: connectTimeoutMs,
      // Certificates are made for names, which a look-up beforehand would lose.
      ...(options.tls === undefined ? {} : { dnsLookup: asNamed }),
    }
    return new Cluster(
      nodes.map(({ host, port }) => ({ host, port: port || 6379 })),
      cluster,
    )
  }
  const single: Options = { ...options, enableOfflineQueue, retryStrategy: pauseMs }
  if (place.mode === 'single') return new Redis({ ...single, ...nodes[0], port: nodes[0]?.port || 6379 })
  // Not with `failoverDetector`: its news during a reconnect ends the connection for ever. Sentinels cut the connections
  // to a primary that they demote.
  return new Redis({
    ...single,
    sentinels: nodes.map(({ host, port }) => ({ host, port: port || 26_379 })),
    name: place.primary,
    role: 'master',
    sentinelRetryStrategy: pauseMs,
    sentinelReconnectStrategy: pauseMs,
    ...(place.sentinelPassword === undefined ? {} : { sentinelPassword: place.sentinelPassword.reveal() }),
    ...(single.tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: single.tls }),
  })
}

const asNamed = (name: string, done: (error: null, address: string) => void): void => done(null, name)

/** BullMQ makes a connection of its own for waiting out of the one it is given: that one is kept in the same way. */
function keep<T extends RedisClient>(client: T, place: RedisPlace, onError: (error: Error) => void): T {
  client.on('error', onError)
  const options: RedisOptions = client instanceof Redis ? client.options : (client.options.redisOptions ?? {})
  client.on('close', () => Object.assign(options, loginOf(addressesOf(place)[0])))
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => T
  client.duplicate = ((...args: unknown[]) => keep(duplicate(...args), place, onError)) as T['duplicate']
  return client
}

function addressesOf({ url }: RedisPlace): readonly URL[] {
  return url
    .reveal()
    .split(',')
    .map((address) => new URL(address.trim()))
}

/** The login and the number of the database; the first address has those of all. */
function loginOf(address: URL | undefined): Pick<RedisOptions, 'username' | 'password' | 'db'> {
  if (address === undefined) return {}
  const db = Number(address.pathname.slice(1))
  return {
    ...(address.username === '' ? {} : { username: decodeURIComponent(address.username) }),
    ...(address.password === '' ? {} : { password: decodeURIComponent(address.password) }),
    ...(db > 0 ? { db } : {}),
  }
}

/**
 * Refuses a Redis that throws keys away when its memory is full: they are jobs. Raises ConfigError. A server that does
 * not tell its policy passes.
 */
export async function refuseEviction(client: RedisClient): Promise<void> {
  for (const server of primaries(client)) refusePolicy(await server.info('memory').catch(() => ''))
}

/** Returns the policy, if the server's words about its memory have it. */
function refusePolicy(memory: string): string | undefined {
  const policy = wordOf(memory, 'maxmemory_policy')
  if (policy === undefined || policy === 'noeviction') return policy
  throw new ConfigError(
    'Redis',
    [`maxmemory-policy is ${policy}: it would throw jobs away when its memory is full`],
    'Set `maxmemory-policy noeviction` there, or give Purser a Redis of its own, and start again.',
  )
}

/** What a look at one server saw. Undefined: it does not tell. */
export interface RedisSeen {
  readonly version: string | undefined
  /** `noeviction`, as every other one raises. */
  readonly policy: string | undefined
  /** Whether it keeps its data through a restart. */
  readonly appendOnly: boolean | undefined
}

/**
 * Looks at each primary without adding anything. Raises the last trouble when Redis does not answer within `withinMs`, and
 * ConfigError when it throws keys away.
 */
export async function lookAtRedis(place: RedisPlace, withinMs: number): Promise<readonly RedisSeen[]> {
  let trouble = new Error('no answer')
  const client = openRedis(place, { maxRetriesPerRequest: null }, (error) => void (trouble = error))
  let limit: NodeJS.Timeout | undefined
  try {
    const late = new Promise<never>((_, reject) => {
      limit = setTimeout(() => reject(trouble), withinMs)
    })
    return await Promise.race([late, seenOf(client)])
  } finally {
    clearTimeout(limit)
    client.disconnect()
  }
}

async function seenOf(client: RedisClient): Promise<readonly RedisSeen[]> {
  if (client.status !== 'ready') await new Promise<void>((resolve) => void client.once('ready', () => resolve()))
  return Promise.all(
    primaries(client).map(async (server) => {
      const info = await server.info().catch(() => '')
      const persists = wordOf(info, 'aof_enabled')
      return {
        version: wordOf(info, 'redis_version'),
        policy: refusePolicy(info),
        appendOnly: persists === undefined ? undefined : persists === '1',
      }
    }),
  )
}

function wordOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]
}

function primaries(client: RedisClient): readonly Redis[] {
  return client instanceof Redis ? [client] : client.nodes('master')
}
