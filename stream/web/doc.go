// Package web is the dispatcher's page: one screen on which the fleet moves, a vehicle is found by typing a part of its name, a
// fence is drawn with the mouse, and the events of the fences appear as they happen.
//
// The page is TypeScript (src), built by vite into dist, and dist is committed: building the service needs no Node. The build is
// reproducible, and the tests build it again and compare. Everything the page loads comes from here, the base map and the map's
// worker included, so it works with no internet and under a strict Content-Security-Policy. Names under dist/assets carry a hash of
// their content and may be cached for ever; index.html may not.
//
// The parts of the page, one duty each:
//
//	wire.ts, check.ts  messages of the live stream, unknown until they have been through here
//	connection.ts      the socket: back-off with jitter, resuming
//	store.ts, feed.ts  the fleet in typed arrays; the events
//	api.ts             the HTTP API
//	fence.ts           a fence being edited
//	map/               the only files that know the map library; vehicles.ts draws all arrows in one WebGL 2 call
//	ui/                panels, in Preact
//	i18n/              English and Chinese
//	main.tsx           puts them together
package web
