/**
 * What a Grafana dashboard asks Prometheus: the queries of its panels and of its variables, with Grafana's variables
 * filled in, as they stand when everything is chosen.
 */
import { readFileSync } from 'node:fs'

export interface PanelQuery {
  /** Row and title. */
  readonly panel: string
  readonly legend: string
  readonly expression: string
}

export interface VariableQuery {
  readonly name: string
  /** Of `label_values(selector, label)`. */
  readonly selector: string
  readonly label: string
}

interface Panel {
  readonly type: string
  readonly title: string
  readonly panels?: readonly Panel[]
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

interface Dashboard {
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly {
      readonly name: string
      readonly type: string
      readonly definition?: string
      readonly allValue?: string
    }[]
  }
}

export function dashboardQueries(
  path: string,
  rateInterval: string,
): { panels: PanelQuery[]; variables: VariableQuery[] } {
  const dashboard = JSON.parse(readFileSync(path, 'utf8')) as Dashboard
  const values = new Map([['__rate_interval', rateInterval]])
  const variables = dashboard.templating.list.filter(({ type }) => type === 'query')
  for (const { name, allValue } of variables) if (allValue !== undefined) values.set(name, allValue)
  const fill = (text: string): string =>
    text.replace(/\$(\w+)/g, (_, name: string) => {
      const value = values.get(name)
      if (value === undefined) throw new Error(`no value for the variable ${name} in ${text}`)
      return value
    })

  const panels: PanelQuery[] = []
  let row = ''
  const visit = (panel: Panel): void => {
    if (panel.type === 'row') row = panel.title
    for (const { expr, legendFormat } of panel.targets ?? []) {
      panels.push({ panel: `${row}: ${panel.title}`, legend: legendFormat, expression: fill(expr) })
    }
    panel.panels?.forEach(visit)
  }
  dashboard.panels.forEach(visit)

  return {
    panels,
    variables: variables.map(({ name, definition = '' }) => {
      const match = /^label_values\((.*), (\w+)\)$/.exec(fill(definition))
      if (match === null) throw new Error(`the variable ${name} is no label_values(selector, label)`)
      return { name, selector: match[1]!, label: match[2]! }
    }),
  }
}
