import type { ReactNode } from 'react'
import { useEdits } from './contexts.ts'
import { FromLibrary } from './library.tsx'
import type { Block, TaskCard } from './parts.ts'
import { Link, plain } from './text.tsx'

const words = { pending: 'waiting', in_progress: 'running', complete: 'done', error: 'failed' } as const
type Status = keyof typeof words

/**
 * Slack draws a plan folded, and folds it again with every edit of its message, whoever had opened it:
 * slackapi/node-slack-sdk#2701.
 */
export function Plan({ block }: { readonly block: Block }): ReactNode {
  const edits = useEdits()
  const tasks = block.tasks ?? []
  const done = tasks.filter((task) => task.status === 'complete').length
  return (
    <details key={edits} className="plan">
      <summary className={`plan-title task-${wholeOf(tasks)}`}>
        <Mark status={wholeOf(tasks)} />
        <strong>{plain(block.title ?? '')}</strong>
        {tasks.length > 0 && (
          <span className="muted">
            {done} of {tasks.length}
          </span>
        )}
      </summary>
      <ol>
        {tasks.map((task) => (
          <Task key={task.task_id} task={task} />
        ))}
      </ol>
    </details>
  )
}

/** The state of a plan follows from its tasks. */
function wholeOf(tasks: readonly TaskCard[]): Status {
  const states = tasks.map((task) => task.status ?? 'pending')
  if (states.includes('error')) return 'error'
  if (states.includes('in_progress')) return 'in_progress'
  return states.length > 0 && states.every((state) => state === 'complete') ? 'complete' : 'pending'
}

function Mark({ status }: { readonly status: Status }): ReactNode {
  return <span className="mark" role="img" aria-label={words[status]} title={words[status]} />
}

export function LoneTask({ block }: { readonly block: Block }): ReactNode {
  return (
    <div className="plan">
      <ol>
        <Task task={block as unknown as TaskCard} />
      </ol>
    </div>
  )
}

function Task({ task }: { readonly task: TaskCard }): ReactNode {
  const status = task.status ?? 'pending'
  return (
    <li className={`task task-${status}`}>
      <Mark status={status} />
      <div className="task-body">
        <div className="task-title">{plain(task.title)}</div>
        {[task.details, task.output].map(
          (part, index) =>
            part !== undefined && (
              <div key={index} className="task-details">
                <FromLibrary block={part} />
              </div>
            ),
        )}
        {task.sources !== undefined && (
          <div className="task-details sources">
            {task.sources.map((source) => (
              <Link key={source.url} href={source.url}>
                {source.text}
              </Link>
            ))}
          </div>
        )}
      </div>
    </li>
  )
}
