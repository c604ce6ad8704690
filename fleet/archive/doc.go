// Package archive keeps a fleet's tracks and events in Parquet files, a folder a day of fix time, where DuckDB, pandas and the like read
// them directly, after the store's retention dropped them. The files of fixes and of events are GeoParquet 1.1.
//
//	DIR/fixes/day=2026-11-23/part-0001.parquet
//	DIR/fixes/day=2026-11-23/_manifest.json
//	DIR/events/day=2026-11-23/part-0001.parquet
//
// # Exactly once
//
// A fix (unit, series, number) is in exactly one row. What a day's files have is read back from them, three columns, before the day is
// archived again; fixes that came late since go into a further part, and files that are there are never changed. They are the only copy
// once retention dropped the day, so a day is never written anew from what the store still has. An event is there once for
// each revision that was the latest when the day was archived.
//
// # Crashes
//
// New parts are written under names that end in .tmp and put on the disk; then the manifest is replaced by one that lists them, which
// is the commit point; then the parts get their names. The next run gives listed parts the names they have not got yet, and removes
// what is not listed. So whoever reads *.parquet sees committed parts only.
package archive
