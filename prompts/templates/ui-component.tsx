// A list that can be loaded, searched and acted on, in one file without dependencies beside React.
// Replace every [[PLACEHOLDER]], then Item, its fields and the texts by what the task needs. It
// renders by itself with the examples below.

import { useEffect, useId, useMemo, useState } from "react";

/** What is shown in one row. */
export interface Item {
  id: string;
  title: string;
  detail: string;
}

/** All that the component is given; it reaches for nothing else. */
export interface AppProps {
  /** Loads what is shown. The signal says when nobody waits any more. */
  load?: (signal: AbortSignal) => Promise<Item[]>;
  /** Called when an item is chosen. */
  onChoose?: (item: Item) => void;
  /** The texts, so that they can be translated. */
  texts?: Partial<typeof TEXTS>;
}

const TEXTS = {
  heading: "[[HEADING]]",
  intro: "[[INTRODUCTION]]",
  search: "[[SEARCH_LABEL]]",
  choose: "[[ACTION_LABEL]]",
  loading: "Loading…",
  empty: "[[NOTHING_THERE_YET]]",
  noMatch: "Nothing matches.",
  failed: "This could not be loaded.",
  again: "Try again",
};

const EXAMPLES: Item[] = [
  { id: "1", title: "[[EXAMPLE_ONE]]", detail: "[[EXAMPLE_ONE_DETAIL]]" },
  { id: "2", title: "[[EXAMPLE_TWO]]", detail: "[[EXAMPLE_TWO_DETAIL]]" },
];

type State =
  | { kind: "loading" }
  | { kind: "failed" }
  | { kind: "ready"; items: Item[] };

const loadExamples = async (): Promise<Item[]> => EXAMPLES;

export default function App({ load = loadExamples, onChoose, texts }: AppProps) {
  const words = { ...TEXTS, ...texts };
  const [state, retry] = useItems(load);
  const headingId = useId();
  return (
    <section className="app" aria-labelledby={headingId}>
      <style>{STYLES}</style>
      <header>
        <h2 id={headingId}>{words.heading}</h2>
        <p>{words.intro}</p>
      </header>
      {state.kind === "loading" && <p role="status">{words.loading}</p>}
      {state.kind === "failed" && (
        <div role="alert">
          <p>{words.failed}</p>
          <button type="button" onClick={retry}>{words.again}</button>
        </div>
      )}
      {state.kind === "ready" && <List items={state.items} words={words} onChoose={onChoose} />}
    </section>
  );
}

/** Loads, forgets what comes too late, and can be asked to try again. */
function useItems(load: (signal: AbortSignal) => Promise<Item[]>): [State, () => void] {
  const [state, setState] = useState<State>({ kind: "loading" });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    const settle = (next: State) => {
      if (!controller.signal.aborted) setState(next);
    };
    setState({ kind: "loading" });
    load(controller.signal).then(
      (items) => settle({ kind: "ready", items }),
      () => settle({ kind: "failed" }),
    );
    return () => controller.abort();
  }, [load, attempt]);
  return [state, () => setAttempt((count) => count + 1)];
}

interface ListProps {
  items: Item[];
  words: typeof TEXTS;
  onChoose?: (item: Item) => void;
}

function List({ items, words, onChoose }: ListProps) {
  const [query, setQuery] = useState("");
  const searchId = useId();
  const shown = useMemo(() => {
    const wanted = query.trim().toLocaleLowerCase();
    return items.filter((item) => `${item.title} ${item.detail}`.toLocaleLowerCase().includes(wanted));
  }, [items, query]);
  if (items.length === 0) return <p className="quiet">{words.empty}</p>;
  return (
    <>
      <label htmlFor={searchId}>{words.search}</label>
      <input id={searchId} type="search" value={query} onChange={(event) => setQuery(event.target.value)} />
      <p role="status" className="quiet">
        {shown.length === 0 ? words.noMatch : `${shown.length} / ${items.length}`}
      </p>
      <ul>
        {shown.map((item) => (
          <li key={item.id}>
            <div>
              <strong>{item.title}</strong>
              <span className="quiet">{item.detail}</span>
            </div>
            <button type="button" aria-label={`${words.choose}: ${item.title}`} onClick={() => onChoose?.(item)}>
              {words.choose}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

const STYLES = `
.app { --ink: #1b2026; --quiet: #56616c; --line: #dce1e6; --paper: #ffffff; --accent: #1f5f8b; --on-accent: #ffffff;
  box-sizing: border-box; max-width: 44rem; margin: 0 auto; padding: clamp(1rem, 4vw, 2rem); color: var(--ink);
  background: var(--paper); border: 1px solid var(--line); border-radius: 0.75rem;
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
@media (prefers-color-scheme: dark) {
  .app { --ink: #e9ecef; --quiet: #a6b0ba; --line: #343c45; --paper: #171b20; --accent: #8cc4ea; --on-accent: #0e1216; }
}
.app h2 { margin: 0 0 0.25rem; font-size: 1.375rem; line-height: 1.25; }
.app p { margin: 0 0 1rem; }
.app .quiet { color: var(--quiet); font-size: 0.9375rem; }
.app label { display: block; margin-bottom: 0.25rem; font-weight: 600; }
.app input { box-sizing: border-box; width: 100%; margin-bottom: 0.75rem; padding: 0.625rem 0.75rem; font: inherit;
  color: inherit; background: transparent; border: 1px solid var(--quiet); border-radius: 0.5rem; }
.app ul { list-style: none; margin: 0; padding: 0; }
.app li { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: center; justify-content: space-between;
  padding: 0.875rem 0; border-top: 1px solid var(--line); }
.app li div { display: grid; flex: 1 1 14rem; min-width: 0; overflow-wrap: anywhere; }
.app button { padding: 0.5rem 1rem; font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent);
  border: 0; border-radius: 0.5rem; cursor: pointer; min-height: 2.75rem; }
.app button:hover { filter: brightness(1.08); }
.app :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (prefers-reduced-motion: no-preference) { .app button { transition: filter 120ms; } }
`;
