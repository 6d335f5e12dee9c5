// Answers of the API, kept as files.

import { ApiError, callRaw } from './api.js';

/** Keeps what a stream of the API gives as a file. Throws where it broke off: half a file is none. */
export async function download(path, { query, accept, name, signal }) {
  const response = await callRaw('GET', path, { query, headers: { accept }, signal });
  const blob = await response.blob().catch((error) => {
    throw signal?.aborted ? signal.reason : new ApiError({ message: error.message });
  });
  if (accept === 'application/x-ndjson') {
    const last = (await blob.slice(-10_000).text()).trimEnd().split('\n').pop();
    if (last.startsWith('{"error"')) {
      const { error } = JSON.parse(last);
      throw new ApiError({ ...error, status: error.code, code: error.status });
    }
  }
  saveAs(blob, name);
}

/** Has the browser keep something as a file. */
export function saveAs(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The day in names of files. */
export const today = () => new Date().toISOString().slice(0, 10);
