import type { ChildProcess } from 'node:child_process';

/** Storage in which the fleet keeps its tokens. */
export interface Place {
  /** For whoever watches. */
  readonly description: string;
  /** Options by which a process of the fleet finds it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Lets a process of the fleet use it, where that takes more than the environment. */
  serve?(process: ChildProcess): void;
  /** Takes it down, with all that it holds, and brings it back. Left out where it is not ours to take down. */
  readonly outage?: {
    begin(): Promise<void>;
    end(): Promise<void>;
  };
  close(): Promise<void>;
}
