// SPDX-License-Identifier: Apache-2.0
//
// Starts the Iceberg project's REST catalog server on one loopback port, with a JDBC catalog on SQLite.  Its own main binds
// every interface, and Hadoop's file IO forks a process per file; here are a host and plain files, so that the comparison is fair.
// In the server's package because its adapter is not public.  Arguments: port, folder.
package org.apache.iceberg.rest;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.io.PositionOutputStream;
import org.apache.iceberg.io.SeekableInputStream;
import org.eclipse.jetty.compression.gzip.GzipCompression;
import org.eclipse.jetty.compression.server.CompressionHandler;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

public class Launch {
  public static void main(String[] args) throws Exception {
    Map<String, String> properties = Map.of(
        "uri", "jdbc:sqlite:" + args[1] + "/catalog.db",
        "warehouse", "file://" + args[1] + "/warehouse",
        "jdbc.schema-version", "V1",
        "io-impl", PlainFiles.class.getName());
    Catalog catalog = CatalogUtil.loadCatalog("org.apache.iceberg.jdbc.JdbcCatalog", "rest", properties, null);
    RESTCatalogAdapter adapter = new RESTServerCatalogAdapter(new RESTCatalogServer.CatalogContext(catalog, properties));
    ServletContextHandler context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    context.addServlet(new ServletHolder(new RESTCatalogServlet(adapter)), "/*");
    CompressionHandler compression = new CompressionHandler();
    compression.putCompression(new GzipCompression());
    context.insertHandler(compression);
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    connector.setPort(Integer.parseInt(args[0]));
    server.addConnector(connector);
    server.setHandler(context);
    server.start();
    System.out.println("ready");
    server.join();
  }

  public static class PlainFiles implements FileIO {
    static File of(String location) {
      return new File(location.startsWith("file:") ? Path.of(location.substring(5).replaceFirst("^/+", "/")).toString() : location);
    }

    @Override
    public InputFile newInputFile(String path) {
      return new PlainInput(path);
    }

    @Override
    public OutputFile newOutputFile(String path) {
      return new PlainOutput(path);
    }

    @Override
    public void deleteFile(String path) {
      of(path).delete();
    }
  }

  record PlainInput(String location) implements InputFile {
    @Override
    public long getLength() {
      return PlainFiles.of(location).length();
    }

    @Override
    public boolean exists() {
      return PlainFiles.of(location).exists();
    }

    @Override
    public SeekableInputStream newStream() {
      try {
        return new PlainReader(new FileInputStream(PlainFiles.of(location)));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  record PlainOutput(String location) implements OutputFile {
    @Override
    public PositionOutputStream create() {
      return createOrOverwrite();
    }

    @Override
    public PositionOutputStream createOrOverwrite() {
      try {
        Files.createDirectories(PlainFiles.of(location).toPath().getParent());
        return new PlainWriter(new FileOutputStream(PlainFiles.of(location)));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public InputFile toInputFile() {
      return new PlainInput(location);
    }
  }

  static class PlainReader extends SeekableInputStream {
    private final FileInputStream in;

    PlainReader(FileInputStream in) {
      this.in = in;
    }

    @Override
    public long getPos() throws IOException {
      return in.getChannel().position();
    }

    @Override
    public void seek(long to) throws IOException {
      in.getChannel().position(to);
    }

    @Override
    public int read() throws IOException {
      return in.read();
    }

    @Override
    public int read(byte[] b, int at, int n) throws IOException {
      return in.read(b, at, n);
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }

  static class PlainWriter extends PositionOutputStream {
    private final FileOutputStream out;
    private long written;

    PlainWriter(FileOutputStream out) {
      this.out = out;
    }

    @Override
    public long getPos() {
      return written;
    }

    @Override
    public void write(int b) throws IOException {
      out.write(b);
      written++;
    }

    @Override
    public void write(byte[] b, int at, int n) throws IOException {
      out.write(b, at, n);
      written += n;
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}
