import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { PurserError } from '../../../errors.ts'
import { LastWords } from '../../../outside-text/excerpt.ts'
import { oneLine } from '../../../text.ts'
import { runChild } from '../../process/child.ts'
import { ClusterError } from '../api/errors.ts'

/**
 * The `exec` of a kubeconfig's user: a program that prints a credential, as `aws eks get-token` does. client-node runs it without a
 * time limit, does not tell it what it is asked for, and goes on with a connection that has the former certificate.
 * See https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins.
 */
export const execSchema = z.looseObject({
  apiVersion: z.string(),
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.looseObject({ name: z.string(), value: z.string() })).nullish(),
  interactiveMode: z.string().nullish(),
  provideClusterInfo: z.boolean().nullish(),
})
export type ExecConfig = z.infer<typeof execSchema>

const answerSchema = z.looseObject({
  kind: z.literal('ExecCredential'),
  status: z.looseObject({
    token: z.string().min(1).nullish(),
    clientCertificateData: z.string().nullish(),
    clientKeyData: z.string().nullish(),
    expirationTimestamp: z.string().nullish(),
  }),
})

export interface ExecCredential {
  readonly token?: string
  /** As PEM. */
  readonly certificate?: string
  readonly key?: string
  /** Undefined when the program did not tell: it is used until the API refuses it. */
  readonly expires: Date | undefined
}

interface ExecQuestion {
  readonly exec: ExecConfig
  /** The file that names the program: a path with slashes is meant from there. */
  readonly kubeconfig: string
  /** What the program is told of the cluster, if it wants to be. */
  readonly cluster: { readonly server: string; readonly caData?: string | undefined }
  readonly timeoutMs: number
}

/** A program prints a token; one that prints more than this prints something else. */
const mostCharacters = 1024 * 1024

/** Runs the program once. Raises ClusterError (`cluster_credentials`), whose evidence is what it wrote as errors. */
export async function execCredential(question: ExecQuestion, signal: AbortSignal): Promise<ExecCredential> {
  const { exec, kubeconfig, cluster, timeoutMs } = question
  const { command, args, env, apiVersion, interactiveMode, provideClusterInfo } = exec
  const doing = `getting a credential for the cluster from ${oneLine(command)}`
  if (interactiveMode === 'Always')
    throw new ClusterError('cluster_credentials', `${doing}: the kubeconfig says that it has to ask a person`, {
      hint: 'Use a program that needs nobody, or a token of a ServiceAccount.',
    })
  const told = {
    server: cluster.server,
    ...(cluster.caData === undefined ? {} : { 'certificate-authority-data': cluster.caData }),
  }
  const spec = { interactive: false, ...(provideClusterInfo === true ? { cluster: told } : {}) }
  let stdout = ''
  const stderr = new LastWords(8_192)
  try {
    const program = command.includes('/') ? resolve(dirname(kubeconfig), command) : command
    const { exitCode } = await runChild(
      {
        argv: [program, ...(args ?? [])],
        cwd: dirname(resolve(kubeconfig)),
        env: {
          ...definedOnly(process.env),
          ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
          KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: 'ExecCredential', spec }),
        },
        timeoutMs,
        onStdout: (chunk) => void (stdout = (stdout + chunk.toString()).slice(0, mostCharacters)),
        onStderr: stderr.push,
      },
      signal,
    )
    if (exitCode !== 0) throw failed(`${doing}: it exited with ${exitCode}`, stderr.lines())
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof PurserError) || error instanceof ClusterError) throw error
    throw failed(`${doing}: ${error.message}`, stderr.lines())
  }
  return credentialIn(stdout, doing)
}

function credentialIn(stdout: string, doing: string): ExecCredential {
  let answer: unknown
  try {
    answer = JSON.parse(stdout)
  } catch {
    answer = undefined
  }
  const read = answerSchema.safeParse(answer)
  const { token, clientCertificateData: certificate, clientKeyData: key, expirationTimestamp } = read.data?.status ?? {}
  const has = (text: string | null | undefined): text is string => typeof text === 'string' && text !== ''
  // The output is no evidence: it may be half of a credential.
  if (!has(token) && !(has(certificate) && has(key))) throw failed(`${doing}: it printed no credential`)
  const expires = new Date(expirationTimestamp ?? Number.NaN)
  return {
    ...(has(token) ? { token } : {}),
    ...(has(certificate) && has(key) ? { certificate, key } : {}),
    expires: Number.isNaN(expires.getTime()) ? undefined : expires,
  }
}

function failed(message: string, told: readonly string[] = []): ClusterError {
  return new ClusterError('cluster_credentials', message, {
    hint: 'Run the program by hand where Purser runs, with the same kubeconfig.',
    evidence: told.slice(-20),
    // It asks a cloud, which may be away for a moment.
    transient: true,
  })
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
