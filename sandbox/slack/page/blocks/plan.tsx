import type { ReactNode } from 'react'
import { FromLibrary } from './library.tsx'
import type { Block, TaskCard } from './parts.ts'
import { Link, plain } from './text.tsx'

const words = { pending: 'waiting', in_progress: 'running', complete: 'done', error: 'failed' } as const

export function Plan({ block }: { readonly block: Block }): ReactNode {
  const tasks = block.tasks ?? []
  const done = tasks.filter((task) => task.status === 'complete').length
  return (
    <div className="plan">
      <div className="plan-title">
        <strong>{plain(block.title ?? '')}</strong>
        {tasks.length > 0 && (
          <span className="muted">
            {done} of {tasks.length}
          </span>
        )}
      </div>
      <ol>
        {tasks.map((task) => (
          <Task key={task.task_id} task={task} />
        ))}
      </ol>
    </div>
  )
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
      <span className="mark" role="img" aria-label={words[status]} title={words[status]} />
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
